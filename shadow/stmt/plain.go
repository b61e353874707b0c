package stmt

// Plain tells, without looking further than the first word, that a text begins with a statement that controls no
// transaction. False tells nothing.
func Plain(sql []byte) bool {
	i := 0
	for i < len(sql) && isSpace(sql[i]) {
		i++
	}
	var word [8]byte
	n := 0
	for ; i < len(sql) && n < len(word) && isLetter(sql[i]); i++ {
		word[n] = sql[i] | 0x20
		n++
	}
	if i < len(sql) && isWord(sql[i]) {
		return false
	}
	switch string(word[:n]) {
	case "select", "insert", "update", "delete", "replace":
		return true
	}
	return false
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
