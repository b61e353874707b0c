package drivers

import (
	"testing"
)

// A write set is a noun: what the session is set to later does not change what it says.
func TestWriteSetKeepsTheSettingsItWasWrittenUnder(t *testing.T) {
	newShop(t)
	p := dualWrite(t, server.Addr, "shop", portTagging())
	cfg := server.Config("shop")
	cfg.Addr = p.addr
	db := openCfg(t, cfg)
	mustExec(t, db, "SET sql_mode = 'STRICT_TRANS_TABLES', time_zone = '+08:00'", "INSERT INTO pay (order_no) VALUES ('first')",
		"SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+01:00'", "INSERT INTO pay (order_no) VALUES ('second')")
	sets := p.seen.all()
	if len(sets) != 2 {
		t.Fatalf("%d write sets", len(sets))
	}
	for i, want := range []struct{ mode, zone string }{{"STRICT_TRANS_TABLES", "+08:00"}, {"NO_AUTO_VALUE_ON_ZERO", "+01:00"}} {
		if sets[i].SQLMode == nil || *sets[i].SQLMode != want.mode || sets[i].TimeZone != want.zone {
			t.Errorf("write set of %s: zone %q, mode %v", sets[i].Order, sets[i].TimeZone, *sets[i].SQLMode)
		}
	}
}
