package channelsim

import (
	"crypto/rsa"
	"encoding/json"
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

// AlipayConfig says whose account this is.
type AlipayConfig struct {
	AppID      string
	PID        string // 16 digits
	Now        func() time.Time
	AppKey     *rsa.PublicKey  // requests must carry its signature
	Key        *rsa.PrivateKey // answers are signed with it
	ReadyAfter time.Duration   // from the end of a day to its bill; 0 = 9 hours
	URLLife    time.Duration   // of a download address; 0 = 30 seconds
}

// AlipayRow is one line of a trade bill. Amounts are fen, negative on refunds; a fee is negative where it is taken.
type AlipayRow struct {
	Trade, Order  string
	Refund        string // request number; "" on payments
	Goods         string
	Created, Done time.Time
	Amount, Fee   int64
}

// Alipay is one account at Alipay, with its gateway and its bill centre. It is an http.Handler.
type Alipay struct {
	cfg AlipayConfig

	mu        sync.Mutex
	rows      []AlipayRow
	faults    Faults
	downloads map[string]download
	tokens    int
	asked     int
}

// NewAlipay gives an account without trades.
func NewAlipay(cfg AlipayConfig) *Alipay {
	if cfg.ReadyAfter == 0 {
		cfg.ReadyAfter = 9 * time.Hour
	}
	if cfg.URLLife == 0 {
		cfg.URLLife = 30 * time.Second
	}
	return &Alipay{cfg: cfg, downloads: map[string]download{}}
}

// Book adds a trade or a refund.
func (a *Alipay) Book(rows ...AlipayRow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rows = append(a.rows, rows...)
}

// Break sets the fault switches.
func (a *Alipay) Break(f Faults) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = f
}

// Asked counts the download addresses that were given out.
func (a *Alipay) Asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// ServeHTTP answers as the gateway, or as the bill centre.
func (a *Alipay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.faults.Down:
		http.Error(w, "upstream connect error", http.StatusBadGateway)
	case r.Method == http.MethodPost && r.URL.Path == "/gateway.do":
		a.gateway(w, r)
	case r.Method == http.MethodGet && r.URL.Path == "/downloadBillFile.resource":
		a.download(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (a *Alipay) gateway(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "read body", http.StatusBadRequest)
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		http.Error(w, "read form", http.StatusBadRequest)
		return
	}
	node := strings.ReplaceAll(form.Get("method"), ".", "_") + "_response"
	switch {
	case form.Get("app_id") != a.cfg.AppID || verifyText(a.cfg.AppKey, alipayText(form, "sign"), form.Get("sign")) != nil:
		a.answer(w, node, refusal("40002", "Invalid Arguments", "isv.invalid-signature", "验签出错"))
	case a.faults.RateLimit:
		a.answer(w, node, refusal("40005", "Call Limited", "isv.app-call-limited", "应用调用次数超限"))
	default:
		var biz map[string]string
		if json.Unmarshal([]byte(form.Get("biz_content")), &biz) != nil {
			a.answer(w, node, refusal("40002", "Invalid Arguments", "isv.invalid-parameter", "参数无效"))
			return
		}
		a.answer(w, node, a.method(form.Get("method"), biz, r))
	}
}

func refusal(code, msg, sub, text string) map[string]string {
	return map[string]string{"code": code, "msg": msg, "sub_code": sub, "sub_msg": text}
}

func (a *Alipay) method(name string, biz map[string]string, r *http.Request) map[string]string {
	switch name {
	case "alipay.data.dataservice.bill.downloadurl.query":
		return a.ticket(biz, r)
	case "alipay.trade.query":
		return a.trade(biz["out_trade_no"])
	case "alipay.trade.fastpay.refund.query":
		return a.refund(biz["out_trade_no"], biz["out_request_no"])
	}
	return refusal("40004", "Business Failed", "isv.unknown-method", "")
}

func (a *Alipay) ticket(biz map[string]string, r *http.Request) map[string]string {
	day, err := time.ParseInLocation(time.DateOnly, biz["bill_date"], beijing())
	if err != nil || (biz["bill_type"] != "trade" && biz["bill_type"] != "signcustomer") {
		return refusal("40004", "Business Failed", "INVAILID_ARGUMENTS", "入参不合法")
	}
	now := a.cfg.Now()
	if a.faults.NotReady || now.Before(day.AddDate(0, 0, 1).Add(a.cfg.ReadyAfter)) || a.faults.EmptyDay {
		return refusal("40004", "Business Failed", "BILL_NOT_EXIST", "账单不存在")
	}
	data := alipayZip(a.cfg.PID, biz["bill_type"], day, a.rowsOf(day), a.faults)
	if a.faults.CutDownload {
		data = data[:len(data)*6/10]
	}
	a.tokens++
	a.asked++
	token := fmt.Sprintf("sim%08d", a.tokens)
	a.downloads[token] = download{data: data, expires: now.Add(a.cfg.URLLife)}
	ok := refusal("10000", "Success", "", "")
	ok["bill_download_url"] = fmt.Sprintf("%s://%s/downloadBillFile.resource?bizType=%s&userId=%s0156&fileType=csv.zip&token=%s",
		schemeOf(r), r.Host, biz["bill_type"], a.cfg.PID, token)
	return ok
}

func (a *Alipay) rowsOf(day time.Time) []AlipayRow {
	var rows []AlipayRow
	for _, row := range a.rows {
		if !row.Done.Before(day) && row.Done.Before(day.AddDate(0, 0, 1)) {
			rows = append(rows, row)
		}
	}
	return rows
}

// download gives the file, or, with 200, the page that says the address is too old.
func (a *Alipay) download(w http.ResponseWriter, r *http.Request) {
	d, ok := a.downloads[r.URL.Query().Get("token")]
	if !ok || a.faults.ExpiredURL || a.cfg.Now().After(d.expires) {
		w.Header().Set("Content-Type", "text/html;charset=UTF-8")
		_, _ = io.WriteString(w, "<html><body>下载超时,请重新下载</body></html>") // a client that went away is its own loss
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(d.data)
}

func (a *Alipay) trade(order string) map[string]string {
	for _, row := range a.rows {
		if row.Order == order && row.Refund == "" {
			ok := refusal("10000", "Success", "", "")
			maps.Copy(ok, map[string]string{
				"trade_no": row.Trade, "out_trade_no": row.Order, "trade_status": "TRADE_SUCCESS", "total_amount": yuan(row.Amount),
				"send_pay_date": row.Done.In(beijing()).Format(time.DateTime),
			})
			return ok
		}
	}
	return refusal("40004", "Business Failed", "ACQ.TRADE_NOT_EXIST", "交易不存在")
}

func (a *Alipay) refund(order, number string) map[string]string {
	ok := refusal("10000", "Success", "", "")
	for _, row := range a.rows {
		if row.Order == order && row.Refund == number {
			maps.Copy(ok, map[string]string{
				"trade_no": row.Trade, "out_trade_no": row.Order, "out_request_no": number, "refund_status": "REFUND_SUCCESS",
				"refund_amount": yuan(-row.Amount), "gmt_refund_pay": row.Done.In(beijing()).Format(time.DateTime),
			})
			return ok
		}
	}
	return ok // the channel's way of saying that there is no such refund
}

// answer signs the node's own text, in which slashes are escaped as the channel escapes them.
func (a *Alipay) answer(w http.ResponseWriter, node string, values map[string]string) {
	text, err := json.Marshal(values)
	if err != nil {
		http.Error(w, "encode answer", http.StatusInternalServerError)
		return
	}
	escaped := strings.ReplaceAll(string(text), "/", `\/`)
	signature, err := signText(a.cfg.Key, escaped)
	if err != nil {
		http.Error(w, "sign answer", http.StatusInternalServerError)
		return
	}
	if a.faults.WrongSignature {
		signature, _ = signText(a.cfg.Key, escaped+" ")
	}
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	_, _ = fmt.Fprintf(w, `{%q:%s,"sign":%q}`, node, escaped, signature)
}

// alipayText is what a signature is over: the parameters in order of their names.
func alipayText(form url.Values, without ...string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if form.Get(name) != "" && !slices.Contains(without, name) {
			parts = append(parts, name+"="+form.Get(name))
		}
	}
	return strings.Join(parts, "&")
}

// Notify gives the body of the notification of a payment.
func (a *Alipay) Notify(row AlipayRow) (string, error) {
	form := url.Values{
		"notify_type": {"trade_status_sync"}, "app_id": {a.cfg.AppID}, "seller_id": {a.cfg.PID}, "trade_status": {"TRADE_SUCCESS"},
		"out_trade_no": {row.Order}, "trade_no": {row.Trade}, "total_amount": {yuan(row.Amount)}, "subject": {row.Goods},
		"gmt_payment": {row.Done.In(beijing()).Format(time.DateTime)}, "charset": {"utf-8"},
	}
	if row.Refund != "" {
		form.Set("gmt_refund", row.Done.In(beijing()).Format(time.DateTime))
		form.Set("refund_fee", yuan(-row.Amount))
	}
	signature, err := signText(a.cfg.Key, alipayText(form))
	if err != nil {
		return "", err
	}
	form.Set("sign", signature)
	form.Set("sign_type", "RSA2")
	return form.Encode(), nil
}
