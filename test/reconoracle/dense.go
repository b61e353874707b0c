package reconoracle

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// Dense writes sides in recongen's columns in which few keys have many copies that differ in few values: every way in
// which copies can find each other occurs.
func Dense(seed uint64, sides int) [][]byte {
	rng := rand.New(rand.NewPCG(seed, 0xde15e))
	keys, values := 1+rng.IntN(12), 1+rng.IntN(3)
	var files [][]byte
	for range sides {
		var b bytes.Buffer
		b.WriteString("order_id,refund_id,kind,amount,fee,currency,status,created_at,merchant_id,payer_id,subject\n")
		for range rng.IntN(60) {
			b.WriteString(denseRow(rng, keys, values))
		}
		files = append(files, b.Bytes())
	}
	return files
}

func denseRow(rng *rand.Rand, keys, values int) string {
	pick := func(list ...string) string { return list[rng.IntN(min(values, len(list)))] }
	key := rng.IntN(keys)
	kind := [2]string{"payment", "refund"}[rng.IntN(2)]
	order, refund := fmt.Sprintf("P%d", key/3), [3]string{"", "R", "0R"}[key%3]
	if rng.IntN(8) == 0 {
		order, refund = "P0", "" // beside ("P", "0")
	} else if rng.IntN(8) == 0 {
		order, refund = "P", "0"
	}
	text := pick("x", "y", `"q"`)
	if rng.IntN(6) == 0 {
		text = "\"x\"" // the same text, quoted
	}
	return fmt.Sprintf("%s,%s,%s,%s,%s,%s,%s,2026-11-23 10:0%d:00,1900000001,%s,\"a\n,\"\"b\"\"\"\n", order, refund, kind,
		pick("9.00", "10.00", "0.05"), pick("0.01", "0.00", "-0.01"), pick("CNY", "USD", "EUR"), pick("paid", "pending", "failed"), rng.IntN(values), text)
}
