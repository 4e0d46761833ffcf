module x
go 1.21
require example.org/a v1.0.0
replace example.org/a v1.0.0 => ./a
