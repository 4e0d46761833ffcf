module x
go 1.16
require a.org/a v1.0.0
