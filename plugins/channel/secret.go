package channel

import (
	"github.com/seed-3356bd69/touchstone/plugins"
)

// Lookup finds an environment variable, as os.LookupEnv does.
type Lookup func(name string) (string, bool)

// Secret reads the environment variable that a setting names.
func (l Lookup) Secret(settings plugins.Settings, setting string) (string, error) {
	name := settings[setting]
	if name == "" {
		return "", plugins.Fail(plugins.FailureConfig, "setting %s is missing", setting)
	}
	value, ok := l(name)
	if !ok {
		e := plugins.Fail(plugins.FailureConfig, "environment variable %s (setting %s) is not set", name, setting)
		e.Hint = "put " + name + " on the adapter's list of variables"
		return "", e
	}
	return value, nil
}
