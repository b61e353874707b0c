package xds

// Keys of log lines.
const (
	keyEpoch      = "epoch"
	keyChange     = "change"
	keyTook       = "took"
	keySubscriber = "subscriber"
	keyReason     = "reason"
)

// silent is the log of go-control-plane's servers: what matters of theirs is told by ours.
type silent struct{}

// Debugf tells nothing.
func (silent) Debugf(string, ...any) {}

// Infof tells nothing.
func (silent) Infof(string, ...any) {}

// Warnf tells nothing.
func (silent) Warnf(string, ...any) {}

// Errorf tells nothing.
func (silent) Errorf(string, ...any) {}
