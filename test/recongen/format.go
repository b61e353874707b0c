package recongen

import "slices"

// Format is how the second side is written. The first and the third are always CSV.
type Format string

// The formats of the second side.
const (
	FormatCSV       Format = "csv"
	FormatWeChat    Format = "wechat"    // trade bill ALL, API v3
	FormatAlipay    Format = "alipay"    // 业务明细.csv of the trade bill, GBK
	FormatUnionPay  Format = "unionpay"  // ZM, fixed width
	FormatNetsUnion Format = "netsunion" // as the built-in profile reads it: payments alone, without fees
	FormatBank      Format = "bank"      // as the profile cmb-txt reads it: payments alone, a day instead of a time, without fees
)

// Formats lists them.
func Formats() []Format {
	return []Format{FormatCSV, FormatWeChat, FormatAlipay, FormatUnionPay, FormatNetsUnion, FormatBank}
}

// refunds tells whether the format has lines of money out.
func (f Format) refunds() bool { return f != FormatNetsUnion && f != FormatBank }

// pending tells whether the format has lines of bookings that are not over.
func (f Format) pending() bool { return f == FormatCSV || f == FormatWeChat }

// Classes gives the faults that the format can show.
func (f Format) Classes() []Class {
	var lacks, all []Class
	if !f.refunds() {
		lacks = append(lacks, Fee, RefundSameOrder, CollidingKeys)
	}
	if f == FormatBank {
		lacks = append(lacks, Edit)
	}
	for _, s := range shapes() {
		if !slices.Contains(lacks, s.class) {
			all = append(all, s.class)
		}
	}
	return all
}

// Rates gives the classes that the format can show one rate.
func (f Format) Rates(rate float64) map[Class]float64 {
	rates := map[Class]float64{}
	for _, class := range f.Classes() {
		rates[class] = rate
	}
	return rates
}
