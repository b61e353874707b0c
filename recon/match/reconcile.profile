GO PREPROFILE V1
syscall.RawSyscall6
internal/runtime/syscall/linux.Syscall6
2 146
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).take
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
3 132
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).rowOrEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
1 116
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).chunk
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
9 91
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).entry
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Texts
4 69
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).flush
github.com/seed-3356bd69/touchstone/recon/match.sideSink.Take
4 69
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
github.com/seed-3356bd69/touchstone/recon/scan.maskOf
8 68
github.com/seed-3356bd69/touchstone/recon/scan.hundredthsOf
github.com/seed-3356bd69/touchstone/recon/scan.hundredths
5 63
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).PlainKey
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
4 60
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Texts
github.com/dchest/siphash.Hash
1 59
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.token
15 52
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Key
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
9 48
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).rowOrEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).row
2 44
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).easyKey
38 43
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.hundredths
26 42
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
github.com/seed-3356bd69/touchstone/recon/scan.spread
15 40
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
github.com/seed-3356bd69/touchstone/recon/scan.spread
18 38
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).run
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).runPlain
9 37
github.com/seed-3356bd69/touchstone/recon/scan.hundredths
github.com/seed-3356bd69/touchstone/recon/scan.eightDigits
14 36
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
bytes.IndexByte
1 35
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).read
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
7 31
bytes.Count
countbody
6 30
github.com/seed-3356bd69/touchstone/test/recongen.(*permutation).at
github.com/seed-3356bd69/touchstone/test/recongen.(*permutation).forward
2 30
github.com/seed-3356bd69/touchstone/recon/scan.maskOf
github.com/seed-3356bd69/touchstone/recon/scan.transpose
18 28
runtime.growslice
runtime.memmove
106 28
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).runPlain
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).take
3 24
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).easyKey
github.com/seed-3356bd69/touchstone/recon/scan.slashed
10 23
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).word
7 23
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).onlyFirst
github.com/seed-3356bd69/touchstone/recon/scan.slashed
7 22
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readKey
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
2 22
bytes.IndexByte
indexbytebody
1 21
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
github.com/seed-3356bd69/touchstone/recon/entry.sum.plus
6 21
github.com/seed-3356bd69/touchstone/recon/match.markSink.Take
github.com/seed-3356bd69/touchstone/recon/match.(*marks).multiply
1 21
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).entry
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).canonical
4 21
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).number
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
6 21
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).choose
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
5 20
github.com/seed-3356bd69/touchstone/test/recongen.(*book).agreed
github.com/seed-3356bd69/touchstone/test/recongen.(*book).regularBooking
6 20
github.com/seed-3356bd69/touchstone/test/recongen.(*permutation).forward
github.com/seed-3356bd69/touchstone/test/recongen.mix
4 20
github.com/seed-3356bd69/touchstone/recon/scan.slashed
github.com/seed-3356bd69/touchstone/recon/scan.slashIn
12 19
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
4 18
github.com/seed-3356bd69/touchstone/recon/match.(*probe).run.func1
github.com/seed-3356bd69/touchstone/recon/match.(*probe).match
0 17
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).row
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).entry
37 17
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).row
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).read
1 17
github.com/seed-3356bd69/touchstone/recon/match.(*marks).multiply
github.com/seed-3356bd69/touchstone/recon/entry.Product.Times
13 16
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
12 16
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readFee
47 16
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).onlyFirst
1 16
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).runPlain
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).rowOrEasy
18 16
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
github.com/seed-3356bd69/touchstone/recon/entry.sum.plus
1 15
github.com/seed-3356bd69/touchstone/recon/match.(*picker).places
github.com/seed-3356bd69/touchstone/recon/match.(*indexReader).spots
2 15
github.com/seed-3356bd69/touchstone/recon/match.markSink.Take
github.com/seed-3356bd69/touchstone/recon/match.(*lineIndex).add
1 15
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).easyKey
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).within
2 15
github.com/seed-3356bd69/touchstone/test/recongen.(*book).regularBooking
github.com/seed-3356bd69/touchstone/test/recongen.(*permutation).at
8 15
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
github.com/seed-3356bd69/touchstone/recon/entry.sum.plus
13 14
github.com/seed-3356bd69/touchstone/recon/entry.productOf
github.com/seed-3356bd69/touchstone/recon/entry.sum.modulo
1 14
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).blank
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).within
2 14
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).canonical
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cellIf
19 14
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cellIf
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
4 14
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).easyKey
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).blank
10 14
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readFee
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).filled
2 14
github.com/seed-3356bd69/touchstone/recon/match.(*probe).run
github.com/seed-3356bd69/touchstone/recon/match.(*probe).fill
6 13
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).onlyFirst
github.com/seed-3356bd69/touchstone/recon/scan.clean
7 13
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).chunk
github.com/seed-3356bd69/touchstone/test/recongen.(*permutation).at
3 13
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.yuan
8 13
github.com/seed-3356bd69/touchstone/test/recongen.yuan
github.com/seed-3356bd69/touchstone/test/recongen.number
4 13
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).take
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).checkCells
15 12
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.subject
16 12
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.subject
github.com/seed-3356bd69/touchstone/test/recongen.padded
4 12
github.com/seed-3356bd69/touchstone/recon/match.(*probe).match
github.com/seed-3356bd69/touchstone/recon/entry.(*Entry).Same
11 11
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).filled
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
2 11
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).number
github.com/seed-3356bd69/touchstone/recon/scan.hundredthsOf
11 11
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).row
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).count
29 11
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.orderNumber
1 11
github.com/seed-3356bd69/touchstone/recon/match.(*marks).divide.func1
github.com/seed-3356bd69/touchstone/recon/match.(*indexReader).spots
2 10
github.com/seed-3356bd69/touchstone/recon/match.(*marks).multiply
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Factor
10 10
github.com/seed-3356bd69/touchstone/recon/match.(*probe).run
github.com/seed-3356bd69/touchstone/recon/match.(*probe).settleDirty
17 10
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).number
19 10
runtime.growslice
runtime.memclrNoHeapPointers
92 10
github.com/seed-3356bd69/touchstone/recon/entry.Product.Times
github.com/seed-3356bd69/touchstone/recon/entry.productOf
12 9
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).canonical
github.com/seed-3356bd69/touchstone/recon/entry.AppendText
19 9
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).otherWord
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).find
1 9
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
github.com/seed-3356bd69/touchstone/recon/scan.clean
17 9
github.com/seed-3356bd69/touchstone/recon/scan.hundredthsOf
runtime.memmove
5 9
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).produce.func1.1
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).chunk
0 9
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.clock
12 9
github.com/seed-3356bd69/touchstone/test/recongen.orderNumber
github.com/seed-3356bd69/touchstone/test/recongen.padded
1 9
runtime.mallocgc
runtime.mallocgcSmallScanNoHeader
83 9
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
github.com/seed-3356bd69/touchstone/recon/entry.mix
16 8
github.com/seed-3356bd69/touchstone/recon/match.(*probe).settleDirty
github.com/seed-3356bd69/touchstone/recon/match.(*tagSet).has
2 8
github.com/seed-3356bd69/touchstone/recon/match.(*tagSet).has
github.com/seed-3356bd69/touchstone/recon/match.(*tagSet).find
4 8
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).onlyFirst
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
2 8
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
10 8
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).word
22 8
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).sumOf
44 8
github.com/seed-3356bd69/touchstone/recon/scan.slashed
github.com/seed-3356bd69/touchstone/recon/scan.slashIn
14 8
github.com/seed-3356bd69/touchstone/recon/scan.spread
github.com/seed-3356bd69/touchstone/recon/scan.lowest
8 8
github.com/seed-3356bd69/touchstone/recon/scan.spread
github.com/seed-3356bd69/touchstone/recon/scan.lowest
10 8
runtime.mallocgcSmallScanNoHeader
runtime.heapSetTypeNoHeader
37 8
bytes.IndexByte
internal/bytealg.IndexByte
1 7
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
github.com/seed-3356bd69/touchstone/recon/entry.sum.modulo
15 7
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).onlyFirst
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
6 7
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.yuan
9 7
golang.org/x/sync/errgroup.(*Group).Go.func1
github.com/seed-3356bd69/touchstone/recon/match.(*marks).divide.func1
15 7
runtime.heapSetTypeNoHeader
runtime.(*mspan).writeHeapBitsSmall
4 7
runtime.sysUnusedOS
runtime.madvise
22 7
bytes.Count
internal/bytealg.Count
6 6
github.com/seed-3356bd69/touchstone/recon/match.(*scatter).load.func1
runtime.memmove
0 6
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).find
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).remember
6 6
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).read
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readCompared
7 6
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).word
17 6
github.com/seed-3356bd69/touchstone/recon/scan.hundredths
github.com/seed-3356bd69/touchstone/recon/scan.eightDigits
16 6
runtime.wbBufFlush1
runtime.findObject
48 6
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Factor
github.com/seed-3356bd69/touchstone/recon/entry.productOf
10 5
github.com/seed-3356bd69/touchstone/recon/match.(*indexReader).spots
github.com/seed-3356bd69/touchstone/recon/match.bitset.bit
12 5
github.com/seed-3356bd69/touchstone/recon/match.(*probe).run.func2
github.com/seed-3356bd69/touchstone/recon/match.(*probe).gather
0 5
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).choose
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).find
6 5
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).read
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).choose
1 5
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).read
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readKey
7 5
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readFee
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).number
5 5
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
github.com/seed-3356bd69/touchstone/recon/scan.slashed
23 5
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).runAll
github.com/seed-3356bd69/touchstone/recon/scan.(*Side).scanBlocks.func1.1.1
10 5
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
simd/archsimd.BroadcastUint8x32
1 5
github.com/seed-3356bd69/touchstone/recon/scan.spread
github.com/seed-3356bd69/touchstone/recon/scan.lowest
6 5
github.com/seed-3356bd69/touchstone/test/recongen.(*book).at
github.com/seed-3356bd69/touchstone/test/recongen.(*book).agreed
2 5
runtime.wbBufFlush1
runtime.tryDeferToSpanScan
45 5
github.com/seed-3356bd69/touchstone/recon/match.(*againSink).Take
github.com/seed-3356bd69/touchstone/recon/match.sideSink.Take
5 4
github.com/seed-3356bd69/touchstone/recon/match.(*probe).gather
github.com/seed-3356bd69/touchstone/recon/match.(*tagSet).has
2 4
github.com/seed-3356bd69/touchstone/recon/match.(*probe).settleDirty
github.com/seed-3356bd69/touchstone/recon/match.(*sums).count
5 4
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).onlyFirst
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).isEmpty
7 4
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).take
gcWriteBarrier
11 4
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).word
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).otherWord
4 4
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
bytes.Count
18 4
github.com/seed-3356bd69/touchstone/test/recongen.(*book).regularBooking
github.com/seed-3356bd69/touchstone/test/recongen.mix
9 4
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Factor
github.com/seed-3356bd69/touchstone/recon/entry.sum.plus
6 3
github.com/seed-3356bd69/touchstone/recon/entry.AppendNumber
encoding/binary.littleEndian.AppendUint64
4 3
github.com/seed-3356bd69/touchstone/recon/entry.AppendText
runtime.memmove
2 3
github.com/seed-3356bd69/touchstone/recon/match.(*indexReader).spots
github.com/seed-3356bd69/touchstone/recon/match.trace.distance
10 3
github.com/seed-3356bd69/touchstone/recon/match.(*marks).divide.func1
github.com/seed-3356bd69/touchstone/recon/match.(*cells).add
10 3
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).canonical
github.com/seed-3356bd69/touchstone/recon/entry.AppendNumber
3 3
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).canonical
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).text
19 3
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).currencyOf
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).find
1 3
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).number
github.com/seed-3356bd69/touchstone/recon.ParseDecimal[go.shape.[]uint8]
19 3
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).find
13 3
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).isEmpty
40 3
github.com/seed-3356bd69/touchstone/recon/scan.maskOf
encoding/binary.littleEndian.Uint64
10 3
github.com/seed-3356bd69/touchstone/recon/scan.spread
github.com/seed-3356bd69/touchstone/recon/scan.lowest
4 3
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).chunk
bytes.Count
10 3
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).chunk
github.com/seed-3356bd69/touchstone/test/recongen.(*book).at
4 3
github.com/seed-3356bd69/touchstone/test/recongen.(*book).at
github.com/seed-3356bd69/touchstone/test/recongen.(*plan).row
1 3
github.com/seed-3356bd69/touchstone/test/recongen.clock
github.com/seed-3356bd69/touchstone/test/recongen.padded
7 3
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.padded
14 3
runtime.(*mspan).initHeapBits
runtime.memclrNoHeapPointers
8 3
runtime.bgsweep
runtime.sweepone
28 3
runtime.futexwakeup
runtime.futex
1 3
runtime.mallocgcSmallScanNoHeader
runtime.memclrNoHeapPointers
30 3
runtime.mallocgcSmallScanNoHeader
runtime.nextFreeFast
24 3
runtime.scanObject
runtime.typePointers.next
55 3
github.com/seed-3356bd69/touchstone/recon/match.(*cells).add
github.com/seed-3356bd69/touchstone/recon/match.(*cells).of
0 2
github.com/seed-3356bd69/touchstone/recon/match.(*lineIndex).add
github.com/seed-3356bd69/touchstone/recon/entry.At.Place
14 2
github.com/seed-3356bd69/touchstone/recon/match.(*marks).multiply
github.com/seed-3356bd69/touchstone/recon/cpu.Prefetch
8 2
github.com/seed-3356bd69/touchstone/recon/match.(*picker).places
github.com/seed-3356bd69/touchstone/recon/match.(*cells).differ
8 2
github.com/seed-3356bd69/touchstone/recon/match.sideSink.Take
runtime.asyncPreempt
14 2
github.com/seed-3356bd69/touchstone/recon/scan.(*Side).ScanAgain.func1.1
github.com/seed-3356bd69/touchstone/recon/match.(*picker).places
3 2
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).remember
runtime.memmove
5 2
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).entry
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Key
2 2
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).isEmpty
11 2
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
runtime.memmove
26 2
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).runAll
github.com/seed-3356bd69/touchstone/recon/scan.(*cutter).next
2 2
github.com/seed-3356bd69/touchstone/recon/scan.maskOf
encoding/binary.littleEndian.Uint64
16 2
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).chunk
github.com/seed-3356bd69/touchstone/test/recongen.(*totals).add
11 2
github.com/seed-3356bd69/touchstone/test/recongen.clock
github.com/seed-3356bd69/touchstone/test/recongen.padded
3 2
github.com/seed-3356bd69/touchstone/test/recongen.clock
github.com/seed-3356bd69/touchstone/test/recongen.padded
5 2
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.subject
runtime.memmove
4 2
github.com/seed-3356bd69/touchstone/test/recongen.number
runtime.memmove
7 2
github.com/seed-3356bd69/touchstone/test/recongen.token
runtime.asyncPreempt
6 2
runtime.(*atomicMSpanPointer).Load
internal/runtime/atomic.(*UnsafePointer).Load
1 2
runtime.(*mheap).nextSpanForSweep
runtime.(*spanSet).pop
9 2
runtime.(*spanSet).pop
runtime.(*atomicMSpanPointer).Load
61 2
runtime.finishsweep_m
runtime.(*spanSet).reset
27 2
runtime.procyield
runtime.procyieldAsm
4 2
runtime.suspendG
runtime.procyield
143 2
runtime.tryDeferToSpanScan
runtime.spanClass.sizeclass
19 2
runtime.wbBufFlush.func1
runtime.wbBufFlush1
1 2
runtime.wbMove
runtime.bulkBarrierPreWrite
5 2
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
github.com/seed-3356bd69/touchstone/recon/entry.lastWord
10 1
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
runtime.asyncPreempt
3 1
github.com/seed-3356bd69/touchstone/recon/match.(*lineIndex).add
runtime.asyncPreempt
11 1
github.com/seed-3356bd69/touchstone/recon/match.(*lineIndex).add
runtime.asyncPreempt
19 1
github.com/seed-3356bd69/touchstone/recon/match.(*marks).divide.func1
github.com/seed-3356bd69/touchstone/recon/match.(*cells).prefetch
9 1
github.com/seed-3356bd69/touchstone/recon/match.(*marks).multiply
github.com/seed-3356bd69/touchstone/recon/match.traceOf
11 1
github.com/seed-3356bd69/touchstone/recon/match.(*marks).multiply
runtime.asyncPreempt
13 1
github.com/seed-3356bd69/touchstone/recon/match.(*marks).product
github.com/seed-3356bd69/touchstone/recon/entry.Product.Times
3 1
github.com/seed-3356bd69/touchstone/recon/match.(*marks).share
github.com/seed-3356bd69/touchstone/recon/match.(*cells).share
4 1
github.com/seed-3356bd69/touchstone/recon/match.(*picker).places
github.com/seed-3356bd69/touchstone/recon/match.(*cells).prefetch
7 1
github.com/seed-3356bd69/touchstone/recon/match.(*probe).run
github.com/seed-3356bd69/touchstone/recon/match.(*probe).settle
12 1
github.com/seed-3356bd69/touchstone/recon/match.(*probe).settle
github.com/seed-3356bd69/touchstone/recon/match.(*sums).count
9 1
github.com/seed-3356bd69/touchstone/recon/match.(*reconciliation).mark
github.com/seed-3356bd69/touchstone/recon/match.(*marks).begin
8 1
github.com/seed-3356bd69/touchstone/recon/match.(*reconciliation).room
github.com/seed-3356bd69/touchstone/recon/match.(*marks).share
4 1
github.com/seed-3356bd69/touchstone/recon/match.(*reconciliation).scan
github.com/seed-3356bd69/touchstone/recon/match.(*reconciliation).mark
3 1
github.com/seed-3356bd69/touchstone/recon/match.(*reconciliation).scan
github.com/seed-3356bd69/touchstone/recon/match.(*reconciliation).room
8 1
github.com/seed-3356bd69/touchstone/recon/match.markSink.Take
runtime.asyncPreempt
1 1
github.com/seed-3356bd69/touchstone/recon/scan.(*Side).scanBlocks.func1.1
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).runAll
1 1
github.com/seed-3356bd69/touchstone/recon/scan.(*cutter).load
github.com/seed-3356bd69/touchstone/recon/scan.(*opened).read
2 1
github.com/seed-3356bd69/touchstone/recon/scan.(*cutter).next
sync.(*Mutex).Lock
1 1
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).find
runtime.memequal
5 1
github.com/seed-3356bd69/touchstone/recon/scan.(*opened).readBuffered
os.(*File).ReadAt
2 1
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).canonical
github.com/seed-3356bd69/touchstone/recon/entry.Compared.Has
5 1
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).currencyOf
5 1
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
runtime.asyncPreempt
26 1
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).take
runtime.gcWriteBarrier2
11 1
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).takeLine
bytes.IndexByte
1 1
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).count
runtime.growslice
5 1
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).flush
github.com/seed-3356bd69/touchstone/recon/match.markSink.Take
4 1
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).PlainKey
48 1
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
runtime.asyncPreempt
2 1
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).run
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).flush
12 1
github.com/seed-3356bd69/touchstone/recon/scan.hundredths
encoding/binary.littleEndian.Uint64
5 1
github.com/seed-3356bd69/touchstone/recon/scan.maskOf
encoding/binary.littleEndian.Uint64
6 1
github.com/seed-3356bd69/touchstone/recon/scan.slashIn
runtime.asyncPreempt
2 1
github.com/seed-3356bd69/touchstone/recon/scan.slashed
encoding/binary.littleEndian.Uint64
12 1
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).chunk
runtime.newobject
4 1
github.com/seed-3356bd69/touchstone/test/recongen.(*book).regularBooking
github.com/seed-3356bd69/touchstone/test/recongen.fee
18 1
github.com/seed-3356bd69/touchstone/test/recongen.(*book).regularBooking
github.com/seed-3356bd69/touchstone/test/recongen.mix
6 1
github.com/seed-3356bd69/touchstone/test/recongen.(*permutation).forward
runtime.asyncPreempt
6 1
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.csvStatus
11 1
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
runtime.memmove
7 1
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
runtime.memmove
10 1
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
runtime.memmove
11 1
github.com/seed-3356bd69/touchstone/test/recongen.mix
runtime.asyncPreempt
5 1
github.com/seed-3356bd69/touchstone/test/recongen.padded
runtime.asyncPreempt
2 1
github.com/seed-3356bd69/touchstone/test/recongen.yuan
runtime.asyncPreempt
5 1
runtime.(*gcControllerState).update
internal/runtime/atomic.(*Uint64).Add
3 1
runtime.(*mSpanStateBox).get
internal/runtime/atomic.(*Uint8).Load
1 1
runtime.(*mcache).refill
runtime.(*gcControllerState).update
75 1
runtime.(*mcentral).cacheSpan
runtime.(*spanSet).pop
60 1
runtime.(*mheap).allocSpan
runtime.(*mheap).initSpan
169 1
runtime.(*mheap).allocSpan
runtime.(*pageAlloc).allocToCache
21 1
runtime.(*mheap).initSpan
runtime.(*mheap).setSpans
85 1
runtime.(*mspan).nextFreeIndex
runtime.(*mspan).refillAllocCache
44 1
runtime.(*mspan).writeHeapBitsSmall
runtime.(*mspan).base
29 1
runtime.(*sweepLocked).sweep
runtime.(*mspan).moveInlineMarks
151 1
runtime.(*unwinder).next
runtime.(*unwinder).resolveInternal
74 1
runtime.(*unwinder).resolveInternal
runtime.funcspdelta
74 1
runtime.deductAssistCredit
runtime.gcAssistAlloc
14 1
runtime.entersyscall
runtime.reentersyscall
6 1
runtime.findObject
runtime.(*mSpanStateBox).get
17 1
runtime.findObject
runtime.spanOf
1 1
runtime.funcspdelta
runtime.pcvalue
1 1
runtime.futexsleep
runtime.futex
7 1
runtime.gcBgMarkWorker.func2
runtime.gcDrainMarkWorkerFractional
32 1
runtime.gcDrain
runtime.(*gcWork).tryGetObjFast
74 1
runtime.gcDrain
runtime.scanObject
92 1
runtime.gcDrainMarkWorkerFractional
runtime.gcDrain
1 1
runtime.gcMarkDone.forEachP.func5
runtime.forEachPInternal
14 1
runtime.gcStart
runtime.semrelease
227 1
runtime.greyobject
runtime.(*gcWork).putObjFast
50 1
runtime.lock2
runtime.osyield
65 1
runtime.mProf_Malloc
runtime.stkbucket
13 1
runtime.makeSpanClass
runtime.bool2int
1 1
runtime.mallocgc
runtime.deductAssistCredit
46 1
runtime.mallocgcSmallScanNoHeader
runtime.gcTrigger.test
84 1
runtime.mallocgcSmallScanNoHeader
runtime.gcmarknewobject
54 1
runtime.mallocgcSmallScanNoHeader
runtime.makeSpanClass
22 1
runtime.markroot.func1
runtime.suspendG
18 1
runtime.newobject
runtime.mallocgc
1 1
runtime.newstack
runtime.funcMaxSPDelta
130 1
runtime.reentersyscall
runtime.traceAcquire
43 1
runtime.runqgrab
runtime.usleep
33 1
runtime.scanObject
runtime.tryDeferToSpanScan
81 1
runtime.scanObjectsSmall
runtime.greyobject
42 1
runtime.scanObjectsSmall
runtime.tryDeferToSpanScan
40 1
runtime.schedule
runtime.findRunnable
29 1
runtime.semrelease
runtime.semrelease1
1 1
runtime.stkbucket
internal/runtime/atomic.(*UnsafePointer).StoreNoWB
70 1
runtime.suspendG
runtime.nanotime
142 1
runtime.tryDeferToSpanScan
runtime.heapArenaOf
6 1
runtime.wbBufFlush
runtime.systemstack
14 1
runtime.wbBufFlush1
runtime.markBits.isMarked
55 1
sync.(*Mutex).Lock
internal/sync.(*Mutex).Lock
1 1
