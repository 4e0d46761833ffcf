module x
go 1.19
require (
	example.org/a v1.0.0
	example.org/b v2.0.0 // indirect
)
replace example.org/b => example.org/c v3.0.0
