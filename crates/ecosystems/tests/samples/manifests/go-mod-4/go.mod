module x

go 1.21

require (
	example.org/a v1.0.0
	example.org/b v2.0.0
)

replace (
	example.org/a v1.0.0 => example.org/c v1.0.1
	example.org/a => ./a
	example.org/b v1.9.0 => ./b
)
