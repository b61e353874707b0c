package channelsim

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// UnionPayConfig says whose settlement this is.
type UnionPayConfig struct {
	MerID       string // 15 digits
	CertID      string
	MerchantKey *rsa.PublicKey  // requests must carry its signature
	Key         *rsa.PrivateKey // answers are signed with it
	Now         func() time.Time
	ReadyAfter  time.Duration // from midnight after the settlement day to its file; 0 = 9 hours
}

// UnionPayRow is one transaction. Amounts are fen; a fee is positive where the merchant pays it.
type UnionPayRow struct {
	Type    string // 01 payment, 04 refund, 31 cancellation
	Trace   string // 6 digits
	Query   string // 21 digits
	Origin  string // the payment's query id, on refunds
	Order   string // the transaction's own
	Shop    string // short name, Chinese
	At      time.Time
	Amount  int64
	Fee     int64
	Dispute bool // stands in the file ZME instead
}

// UnionPay is one merchant at UnionPay. It is an http.Handler: the file server at /, queries at their own path.
type UnionPay struct {
	cfg UnionPayConfig

	mu     sync.Mutex
	rows   []UnionPayRow
	faults Faults
}

// NewUnionPay gives a merchant without transactions.
func NewUnionPay(cfg UnionPayConfig) *UnionPay {
	if cfg.ReadyAfter == 0 {
		cfg.ReadyAfter = 9 * time.Hour
	}
	return &UnionPay{cfg: cfg}
}

// Book adds transactions.
func (u *UnionPay) Book(rows ...UnionPayRow) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.rows = append(u.rows, rows...)
}

// Break sets the fault switches.
func (u *UnionPay) Break(f Faults) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.faults = f
}

// ServeHTTP answers a signed form with a signed form.
func (u *UnionPay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil || u.faults.Down {
		http.Error(w, "bad gateway", http.StatusBadGateway)
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		http.Error(w, "read form", http.StatusBadRequest)
		return
	}
	answer := map[string]string{"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "merId": form.Get("merId"), "txnTime": form.Get("txnTime")}
	switch {
	case form.Get("certId") != u.cfg.CertID || form.Get("merId") != u.cfg.MerID || verifyText(u.cfg.MerchantKey, unionPayDigest(form), form.Get("signature")) != nil:
		answer["respCode"], answer["respMsg"] = "11", "验证签名失败[9100004]"
	case u.faults.RateLimit:
		answer["respCode"], answer["respMsg"] = "02", "系统未开放或暂时关闭，请稍后再试"
	case form.Get("txnType") == "76":
		u.file(form.Get("settleDate"), answer)
	case form.Get("txnType") == "00" && r.URL.Path == "/gateway/api/queryTrans.do":
		u.query(form.Get("orderId"), form.Get("txnTime"), answer)
	default:
		answer["respCode"], answer["respMsg"] = "13", "报文交易要素格式错误"
	}
	u.write(w, answer)
}

// write sends the fields as they are, without an encoding: base64 keeps its signs.
func (u *UnionPay) write(w http.ResponseWriter, answer map[string]string) {
	form := url.Values{}
	for name, value := range answer {
		form.Set(name, value)
	}
	text := unionPayDigest(form)
	if u.faults.WrongSignature {
		text += "x"
	}
	signature, err := signText(u.cfg.Key, text)
	if err != nil {
		http.Error(w, "sign answer", http.StatusInternalServerError)
		return
	}
	answer["signature"] = signature
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(answer)) {
		parts = append(parts, name+"="+answer[name])
	}
	_, _ = io.WriteString(w, strings.Join(parts, "&")) // a client that went away is its own loss
}

// unionPayDigest is the text that is signed: the SHA-256 of the sorted fields, in hex.
func unionPayDigest(form url.Values) string {
	sum := sha256.Sum256([]byte(alipayText(form, "signature")))
	return hex.EncodeToString(sum[:])
}

// file answers a settlement day's zip. Which code means a missing file is this simulator's choice.
func (u *UnionPay) file(settle string, answer map[string]string) {
	day, err := u.dayOf(settle)
	if err != nil {
		answer["respCode"], answer["respMsg"] = "10", "报文格式错误"
		return
	}
	ready := day.AddDate(0, 0, 1).Add(u.cfg.ReadyAfter)
	if u.faults.NotReady || u.cfg.Now().Before(ready) {
		answer["respCode"], answer["respMsg"] = "97", "文件未生成"
		return
	}
	if u.faults.EmptyDay {
		answer["respCode"], answer["respMsg"] = "98", "文件不存在"
		return
	}
	data := u.zip(day)
	if u.faults.CutDownload {
		data = data[:len(data)*6/10]
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, _ = z.Write(data) // a buffer takes everything
	_ = z.Close()
	answer["respCode"], answer["respMsg"], answer["settleDate"] = "00", "成功", settle
	answer["fileName"] = fmt.Sprintf("%s_%s.zip", u.cfg.MerID, day.Format("20060102"))
	answer["fileContent"] = base64.StdEncoding.EncodeToString(packed.Bytes())
}

// dayOf gives the latest day of that name that is over.
func (u *UnionPay) dayOf(settle string) (time.Time, error) {
	now := u.cfg.Now().In(beijing())
	for year := now.Year(); year > now.Year()-2; year-- {
		day, err := time.ParseInLocation("20060102", fmt.Sprintf("%04d%s", year, settle), beijing())
		if err != nil || !day.After(now) {
			return day, err
		}
	}
	return time.Time{}, fmt.Errorf("no such day")
}

// zip packs both files; a settlement day begins at 23:00 the evening before.
func (u *UnionPay) zip(day time.Time) []byte {
	var lines, disputes strings.Builder
	from := day.Add(-time.Hour)
	for _, r := range u.rows {
		if r.At.Before(from) || !r.At.Before(from.AddDate(0, 0, 1)) {
			continue
		}
		if r.Dispute {
			disputes.WriteString(zmeLine(u.cfg.MerID, r))
			continue
		}
		if u.faults.WrongSummary {
			r.Fee++ // the settled amount stays
			lines.WriteString(zmLine(u.cfg.MerID, r, -1))
			continue
		}
		lines.WriteString(zmLine(u.cfg.MerID, r, 0))
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range map[string]string{"ZM_": lines.String(), "ZME_": disputes.String()} {
		if text == "" && name == "ZME_" {
			continue
		}
		w, err := z.Create("INN" + day.Format("060102") + "88" + name + u.cfg.MerID)
		if err != nil {
			panic(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// fields puts texts at byte offsets of a line of blanks.
type fields struct{ line []byte }

func newFields(n int) *fields { return &fields{bytes.Repeat([]byte{' '}, n)} }

func (f *fields) put(offset int, text string) { copy(f.line[offset:], gbk(text)) }

func (f *fields) String() string { return string(f.line) + "\r\n" }

// letterAmount is C or D and twelve digits: C credits the merchant.
func letterAmount(n int64) string {
	if n == 0 {
		return " 000000000000"
	}
	if n < 0 {
		return fmt.Sprintf("D%012d", -n)
	}
	return fmt.Sprintf("C%012d", n)
}

// zmLine is 607 bytes. slip is added to the settled amount.
func zmLine(merchant string, r UnionPayRow, slip int64) string {
	sign, code := int64(1), "S22"
	if r.Type != "01" {
		sign, code = -1, "S30"
	}
	f := newFields(607)
	f.put(0, code)
	f.put(4, "88022900")
	f.put(16, "00049993")
	f.put(28, r.Trace)
	f.put(35, r.At.In(beijing()).Format("0102150405"))
	f.put(46, "622609******0048")
	f.put(66, fmt.Sprintf("%012d", r.Amount))
	f.put(79, "4899")
	f.put(84, "07")
	f.put(87, r.Query)
	f.put(109, "01")
	f.put(112, r.Order)
	f.put(145, "01")
	f.put(166, letterAmount(-r.Fee))
	f.put(180, letterAmount(sign*r.Amount-r.Fee+slip))
	f.put(194, "0001")
	f.put(215, r.Type)
	f.put(218, "01")
	f.put(221, "000201")
	f.put(271, r.Origin)
	f.put(293, merchant)
	f.put(327, r.Shop)
	f.put(360, letterAmount(0))
	f.put(374, letterAmount(sign*r.Amount-r.Fee))
	f.put(509, letterAmount(sign*r.Amount))
	return f.String()
}

// zmeLine is 339 bytes, without an order number.
func zmeLine(merchant string, r UnionPayRow) string {
	f := newFields(339)
	f.put(0, "E74")
	f.put(4, "88022900")
	f.put(16, "00049993")
	f.put(28, r.Trace)
	f.put(35, r.At.In(beijing()).Format("0102150405"))
	f.put(46, "622609******0048")
	f.put(66, fmt.Sprintf("%012d", r.Amount))
	f.put(79, "4899")
	f.put(84, "07")
	f.put(87, "01")
	f.put(90, r.Origin[:6])
	f.put(97, r.At.AddDate(0, 0, -9).In(beijing()).Format("0102150405"))
	f.put(108, r.At.AddDate(0, 0, -9).In(beijing()).Format("0102"))
	f.put(113, fmt.Sprintf("%012d", r.Amount))
	f.put(126, letterAmount(-r.Fee))
	f.put(140, letterAmount(-r.Amount-r.Fee))
	f.put(170, merchant)
	return f.String()
}

func (u *UnionPay) query(order, sent string, answer map[string]string) {
	for _, r := range u.rows {
		if r.Order == order && r.At.In(beijing()).Format("20060102150405") == sent {
			maps.Copy(answer, u.message(r))
			answer["respCode"], answer["origRespCode"] = "00", "00"
			return
		}
	}
	answer["respCode"], answer["respMsg"] = "34", "查无此交易"
}

func (u *UnionPay) message(r UnionPayRow) map[string]string {
	return map[string]string{
		"merId": u.cfg.MerID, "orderId": r.Order, "queryId": r.Query, "origQryId": r.Origin, "txnType": r.Type, "txnSubType": "01",
		"txnAmt": fmt.Sprint(r.Amount), "currencyCode": "156", "txnTime": r.At.In(beijing()).Format("20060102150405"),
	}
}

// Notify gives the body of a back notification.
func (u *UnionPay) Notify(r UnionPayRow) (string, error) {
	form := url.Values{"version": {"5.1.0"}, "encoding": {"UTF-8"}, "signMethod": {"01"}, "respCode": {"00"}, "respMsg": {"成功"}}
	for name, value := range u.message(r) {
		if value != "" {
			form.Set(name, value)
		}
	}
	signature, err := signText(u.cfg.Key, unionPayDigest(form))
	if err != nil {
		return "", err
	}
	form.Set("signature", signature)
	return form.Encode(), nil
}
