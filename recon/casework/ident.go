package casework

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// parts is how many partitions the tables have on a server. It is part of every case's id and never changes.
const parts = 64

// ErrID means that a text is no id of a case.
var ErrID = errors.New("no id of a case")

// partOf is the partition of everything about a business id: an order's, refund's or reversal's own number.
func partOf(business string) int {
	sum := sha256.Sum256([]byte(business))
	return int(sum[0]) % parts
}

// caseID names the case of a break for ever: the same statement, key, occurrence and break give the same id, and so does the
// same earlier day that the booking is since, "" for the statement's own. Its first number is the partition, so that the id alone is enough to find the row in one of them.
func caseID(statement string, key recon.Key, occurrence int, b recon.Break, since string) string {
	h := sha256.New()
	texts := []string{statement, string(key.Kind), key.ID, strconv.Itoa(occurrence), string(b)}
	if since != "" {
		texts = append(texts, since)
	}
	for _, text := range texts {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		h.Write(length[:])
		h.Write([]byte(text))
	}
	name := base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:10])
	return fmt.Sprintf("C%02d-%s", partOf(key.ID), strings.ToLower(name))
}

// partIn reads the partition from an id.
func partIn(id string) (int, error) {
	m := regexp.MustCompile(`^[CR](\d\d)-[0-9a-v]{16}$`).FindStringSubmatch(id)
	if m == nil {
		return 0, fmt.Errorf("%w (got %q); try: the id that the list of cases prints", ErrID, id)
	}
	part, err := strconv.Atoi(m[1])
	if err != nil || part >= parts {
		return 0, fmt.Errorf("%w (got %q); try: the id that the list of cases prints", ErrID, id)
	}
	return part, nil
}
