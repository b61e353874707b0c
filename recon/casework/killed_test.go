package casework_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// deskEnv has what a desk in a process of its own works on, as JSON.
const deskEnv = "TOUCHSTONE_DESK"

type deskTask struct {
	Store, Log, Key, Witness string
	Server, Schema           string // of the books
	Service                  string
	Repairs                  []string
}

// killedDesk applies all repairs, each as often as it takes.
func killedDesk() int {
	var w deskTask
	err := json.Unmarshal([]byte(os.Getenv(deskEnv)), &w)
	if err == nil {
		err = w.run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (w deskTask) run(ctx context.Context) error {
	desk, log, err := w.desk(ctx)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for _, id := range w.Repairs {
		if _, err := desk.Apply(ctx, reviewer("chen"), id, ""); err != nil {
			return err
		}
	}
	_, err = log.DrainOnce(ctx, desk.DB)
	return errors.Join(err, log.Close(ctx))
}

func (w deskTask) desk(ctx context.Context) (*casework.Desk, *audit.Log, error) {
	secret, err := os.ReadFile(w.Key)
	if err != nil {
		return nil, nil, err
	}
	key, err := audit.ReadKey(secret)
	if err != nil {
		return nil, nil, err
	}
	witness, err := audit.NewFolder(w.Witness)
	if err != nil {
		return nil, nil, err
	}
	log, err := audit.Open(ctx, audit.Config{Dir: w.Log, Key: key, Witness: witness, Who: "test", Now: time.Now})
	if err != nil {
		return nil, nil, err
	}
	db, err := store.Open(ctx, w.Store)
	if err != nil {
		return nil, nil, err
	}
	merchant, err := (&mariadb.Server{Addr: w.Server}).Open(w.Schema)
	if err != nil {
		return nil, nil, err
	}
	books, err := casework.NewBooks(ctx, merchant, []string{"payments"})
	if err != nil {
		return nil, nil, err
	}
	base, err := url.Parse(w.Service)
	asked := &channel{}
	asked.says("success")
	return &casework.Desk{DB: db, Log: log, SLA: casework.DefaultSLA(), Now: time.Now, Channels: asked, Targets: map[casework.RepairKind]casework.Target{
		casework.RepairSupplement: books, casework.RepairReversal: &casework.Service{Base: base, Client: http.DefaultClient},
	}}, log, err
}

// careless is a payment service that takes a payment back as often as it is told. Only asking first protects it.
type careless struct {
	mu   sync.Mutex
	puts map[string]int
}

func (c *careless) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	c.mu.Lock() // held to the end of each call: a call of a process that died ends before the next one begins
	defer c.mu.Unlock()
	id := path.Base(req.URL.Path)
	if req.Method == http.MethodPut {
		c.puts[id]++
		time.Sleep(5 * time.Millisecond)
	}
	if c.puts[id] == 0 {
		w.WriteHeader(http.StatusNotFound)
	}
}

// TestKilledDeskAppliesOnce kills the desk at random moments until it gets through: each repair took place once, its entry
// came first, and the audit log is whole.
func TestKilledDeskAppliesOnce(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const each = 5
	w, dir := deskTask{Store: stores.File(t), Server: server.Addr, Schema: schema(t)}, t.TempDir()
	w.Log, w.Key, w.Witness = filepath.Join(dir, "log"), filepath.Join(dir, "key"), t.TempDir()
	if err := audit.NewKey(w.Key, "test/desk"); err != nil {
		t.Fatal(err)
	}
	told := &careless{puts: map[string]int{}}
	service := httptest.NewServer(told)
	defer service.Close()
	w.Service = service.URL + "/repairs"
	r := newRig(t, stores.Open(t, w.Store))
	var ids []string
	for i := range 2 * each {
		ids = append(ids, fmt.Sprint("P", i))
	}
	db, _ := r.books(t, w.Schema, ids...)
	for i, id := range ids {
		p := supplement(id)
		if i >= each {
			p = casework.Proposal{Kind: casework.RepairReversal, Request: "1", Reason: "paid twice", Call: map[string]string{"order": id}}
		}
		made, err := r.desk.Propose(t.Context(), operator("li"), r.one(t, id).ID, p)
		if err == nil {
			_, err = r.desk.Approve(t.Context(), reviewer("chen"), made.ID, "ok")
		}
		if err != nil {
			t.Fatal(err)
		}
		w.Repairs = append(w.Repairs, made.ID)
	}
	kills := w.untilThrough(t, random)
	if n := count(t, db, "SELECT COUNT(*) FROM writes WHERE what = 'update'"); n != each || count(t, db, "SELECT COUNT(*) FROM payments WHERE status = 'success'") != each {
		t.Errorf("%d writes of %d supplements", n, each)
	}
	for _, id := range w.Repairs[each:] {
		if told.puts[id] != 1 {
			t.Errorf("reversal %s was told %d times", id, told.puts[id])
		}
	}
	verifier, err := audit.ReadVerifier(w.Key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range w.Repairs {
		if got, err := r.desk.Repair(t.Context(), id); err != nil || got.State != casework.RepairApplied {
			t.Errorf("repair %s is %s, %v", id, got.State, err)
		}
		if found, err := audit.Find(t.Context(), w.Log, verifier, id); err != nil || len(found) == 0 || found[0].Entry.Action != "repair apply" {
			t.Errorf("repair %s has entries %+v, %v", id, found, err)
		}
	}
	witness, err := audit.NewFolder(w.Witness)
	if err != nil {
		t.Fatal(err)
	}
	if report, err := audit.Verify(t.Context(), w.Log, verifier, witness); err != nil || !report.Whole() {
		t.Errorf("audit log: %v, %v", report, err)
	}
	if kills < 3 {
		t.Errorf("only %d kills", kills)
	}
	t.Logf("%d kills", kills)
}

func (w deskTask) untilThrough(t *testing.T, random *rand.Rand) (kills int) {
	t.Helper()
	spec, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	for try := range 200 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), deskEnv+"="+string(spec))
		var complaint strings.Builder
		cmd.Stderr = &complaint
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		bufio.NewScanner(out).Scan() // ready
		longest := 400 + try*try     // a slow machine gets somewhere, too
		killed := time.AfterFunc(time.Duration(random.IntN(longest))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		err = cmd.Wait()
		killed.Stop()
		if err == nil {
			return kills
		}
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.Exited() {
			t.Fatalf("%v: %s", err, complaint.String())
		}
		kills++
	}
	t.Fatal("it never got through")
	return kills
}
