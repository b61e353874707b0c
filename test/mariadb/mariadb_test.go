package mariadb

import (
	"testing"
)

func TestKilledServerComesBackWithItsData(t *testing.T) {
	s, err := Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Stop() }()
	db, err := s.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{"CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)", "INSERT INTO a.t VALUES (7)"} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(q, err)
		}
	}
	s.Kill()
	if err := db.PingContext(t.Context()); err == nil {
		t.Fatal("a killed server answered")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	var id int
	if err := db.QueryRowContext(t.Context(), "SELECT id FROM a.t").Scan(&id); err != nil || id != 7 {
		t.Fatalf("after restart: %d, %v", id, err)
	}
}
