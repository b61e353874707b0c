package statement

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// errEmpty is an amount that is not there. Nothing is not zero.
var errEmpty = errors.New("empty")

// written is an amount as a line states it: the number, and what was said about its direction.
type written struct {
	minor  int64
	letter byte // C, D or a blank where the rule is SignCD
}

// pick gives the first column that is filled and not zero, else the first that is filled, else the first.
func pick(l *layout, cells []string, columns []string) string {
	filled := ""
	for _, c := range columns {
		switch {
		case l.cell(cells, c) == "":
		case strings.Trim(l.cell(cells, c), "+-0.,CD ") != "":
			return c
		case filled == "":
			filled = c
		}
	}
	if filled == "" {
		return columns[0]
	}
	return filled
}

// number reads an amount digit by digit; nothing is rounded, and nothing unreadable is zero.
func number(text string, a *recon.Amount, currency recon.Currency) (w written, err error) {
	if text == "" {
		return w, errEmpty
	}
	if a.Sign == recon.SignCD {
		w.letter, text = letter(text)
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, a.Prefix))
	if a.Thousands {
		if text, err = ungroup(text); err != nil {
			return w, err
		}
	}
	m, err := a.Unit.Parse(text, currency)
	if err != nil {
		return w, err
	}
	w.minor = m.Minor
	if a.Sign == recon.SignCD && (w.minor < 0 || strings.HasPrefix(text, "+")) {
		return w, fmt.Errorf("a sign behind the letter")
	}
	return w, nil
}

// letter takes the C, D or blank that stands before a number. Blanks are trimmed off cells, so one may be gone.
func letter(text string) (byte, string) {
	if text[0] == 'C' || text[0] == 'D' {
		return text[0], text[1:]
	}
	return ' ', text
}

// ungroup takes the commas out of "1,100.00". A comma anywhere else than between groups of three digits is an error.
func ungroup(text string) (string, error) {
	whole, rest, point := strings.Cut(text, ".")
	for i, g := range strings.Split(strings.TrimLeft(whole, "+-"), ",") {
		if i > 0 && len(g) != 3 || i == 0 && strings.Contains(whole, ",") && (len(g) == 0 || len(g) > 3) {
			return "", fmt.Errorf("commas that group no thousands: %q", text)
		}
	}
	whole = strings.ReplaceAll(whole, ",", "")
	if point {
		return whole + "." + rest, nil
	}
	return whole, nil
}

// booked turns a written amount into that of a record, and its kind where the sign tells it. against remarks that the
// sign contradicts the kind where either sign is allowed.
func booked(w written, sign recon.Sign, kind recon.Kind) (_ int64, _ recon.Kind, against bool, err error) {
	switch sign {
	case recon.SignPlain:
		if w.minor < 0 {
			return 0, kind, false, errors.New("negative amount")
		}
	case recon.SignFlip:
		if w.minor > 0 {
			return 0, kind, false, errors.New("amount without the minus sign that such lines have")
		}
		w.minor = -w.minor
	case recon.SignAny:
		against = w.minor != 0 && (w.minor < 0) != (kind.Direction() < 0)
		w.minor = max(w.minor, -w.minor)
	case recon.SignKind:
		kind = recon.KindPayment
		if w.minor < 0 {
			kind, w.minor = recon.KindRefund, -w.minor
		}
	case recon.SignCD:
		if err := agree(w, kind.Direction() > 0); err != nil {
			return 0, kind, false, err
		}
	}
	return w.minor, kind, against, nil
}

// agree holds the letter against the direction: C credits the merchant, D debits.
func agree(w written, credit bool) error {
	switch {
	case w.letter == ' ' && w.minor == 0, w.letter == 'C' && credit, w.letter == 'D' && !credit:
		return nil
	case w.letter == ' ':
		return errors.New("neither C nor D before the amount")
	}
	return fmt.Errorf("%c contradicts what the line books", w.letter)
}

// cost turns a written fee into the cost to the merchant, negative where it is given back.
func cost(w written, sign recon.Sign) (int64, error) {
	switch sign {
	case recon.SignFlip:
		return -w.minor, nil
	case recon.SignCD:
		switch {
		case w.letter == 'D', w.minor == 0:
			return w.minor, nil
		case w.letter == 'C':
			return -w.minor, nil
		}
		return 0, errors.New("neither C nor D before the fee")
	}
	return w.minor, nil
}
