// Package jaeger runs a real Jaeger for tests: make test-jaeger.
//
// In:    its program, named by JAEGER_BIN; make builds it from its Go module, of which the product knows nothing.
// Out:   a process with storage in memory that takes spans as an agent and by OTLP, and the traces it has.
// Never: a port that other machines reach, a test that is left out because the program is missing.
package jaeger
