package telemetry

// Keys of log lines: a closed set, so that lines of all components can be searched alike. Values are never bodies,
// credentials, card numbers or SQL literals.
const (
	KeyComponent = "component"
	KeyRole      = "role"
	KeyInstance  = "instance"
	KeyRelease   = "release"
	KeyVersion   = "version"
	KeyAddress   = "address"
	KeyError     = "error"
	KeySample    = "sample"
	KeyOrder     = "order"
	KeyRoute     = "route"
	KeyCause     = "cause"
	KeyCount     = "count"
	KeySignal    = "signal"
	KeyFile      = "file"
	KeyEpoch     = "epoch"
)
