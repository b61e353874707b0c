GO PREPROFILE V1
syscall.RawSyscall6
internal/runtime/syscall/linux.Syscall6
2 164
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).take
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
3 140
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).rowOrEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
1 112
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).chunk
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
9 101
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).PlainKey
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
4 77
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).entry
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Texts
4 68
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
github.com/seed-3356bd69/touchstone/recon/scan.maskOf
8 68
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Texts
github.com/dchest/siphash.Hash
1 62
github.com/seed-3356bd69/touchstone/recon/scan.hundredthsOf
github.com/seed-3356bd69/touchstone/recon/scan.hundredths
5 58
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).run
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).runPlain
9 51
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Key
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
9 50
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).runPlain
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).take
3 49
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.token
15 47
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).flush
github.com/seed-3356bd69/touchstone/recon/match.sideSink.Take
4 46
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).easyKey
38 45
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).rowOrEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).row
2 42
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
github.com/seed-3356bd69/touchstone/recon/scan.spread
15 39
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).read
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
7 37
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
bytes.IndexByte
1 34
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
github.com/seed-3356bd69/touchstone/recon/scan.spread
18 33
bytes.Count
countbody
6 32
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
github.com/seed-3356bd69/touchstone/recon/entry.sum.plus
6 31
github.com/seed-3356bd69/touchstone/recon/scan.maskOf
github.com/seed-3356bd69/touchstone/recon/scan.transpose
18 30
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).entry
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).canonical
4 29
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).onlyFirst
1 28
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.hundredths
26 27
github.com/seed-3356bd69/touchstone/recon/match.markSink.Take
github.com/seed-3356bd69/touchstone/recon/match.(*marks).multiply
1 26
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).number
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
6 26
github.com/seed-3356bd69/touchstone/recon/scan.hundredths
github.com/seed-3356bd69/touchstone/recon/scan.eightDigits
14 26
github.com/seed-3356bd69/touchstone/recon/match.(*marks).multiply
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Factor
10 25
github.com/seed-3356bd69/touchstone/test/recongen.(*permutation).at
github.com/seed-3356bd69/touchstone/test/recongen.(*permutation).forward
2 25
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).easyKey
github.com/seed-3356bd69/touchstone/recon/scan.slashed
10 24
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
12 24
github.com/seed-3356bd69/touchstone/recon/entry.productOf
github.com/seed-3356bd69/touchstone/recon/entry.sum.modulo
1 23
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).easyKey
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).within
2 23
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).row
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).entry
37 23
bytes.IndexByte
indexbytebody
1 21
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).onlyFirst
github.com/seed-3356bd69/touchstone/recon/scan.slashed
7 19
github.com/seed-3356bd69/touchstone/recon/match.(*marks).multiply
github.com/seed-3356bd69/touchstone/recon/entry.Product.Times
10 18
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).row
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).read
1 18
github.com/seed-3356bd69/touchstone/test/recongen.(*permutation).forward
github.com/seed-3356bd69/touchstone/test/recongen.mix
4 18
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
github.com/seed-3356bd69/touchstone/recon/entry.sum.plus
1 17
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).read
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readCompared
7 17
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.orderNumber
1 17
github.com/seed-3356bd69/touchstone/test/recongen.orderNumber
github.com/seed-3356bd69/touchstone/test/recongen.padded
1 17
github.com/seed-3356bd69/touchstone/recon/match.markSink.Take
github.com/seed-3356bd69/touchstone/recon/match.(*lineIndex).add
2 16
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).canonical
github.com/seed-3356bd69/touchstone/recon/entry.AppendText
19 16
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readFee
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).filled
2 16
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).row
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).count
29 16
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).runPlain
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).rowOrEasy
18 16
github.com/seed-3356bd69/touchstone/recon/match.(*probe).run.func1
github.com/seed-3356bd69/touchstone/recon/match.(*probe).match
0 15
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).canonical
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cellIf
19 15
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).read
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).choose
1 15
github.com/seed-3356bd69/touchstone/recon/scan.slashed
github.com/seed-3356bd69/touchstone/recon/scan.slashIn
12 15
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).chunk
github.com/seed-3356bd69/touchstone/test/recongen.(*permutation).at
3 15
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
github.com/seed-3356bd69/touchstone/recon/entry.sum.modulo
15 14
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readFee
47 14
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.yuan
8 14
github.com/seed-3356bd69/touchstone/recon/entry.Product.Times
github.com/seed-3356bd69/touchstone/recon/entry.productOf
12 13
github.com/seed-3356bd69/touchstone/recon/match.(*marks).multiply
github.com/seed-3356bd69/touchstone/recon/cpu.Prefetch
7 13
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).choose
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
5 13
github.com/seed-3356bd69/touchstone/test/recongen.yuan
github.com/seed-3356bd69/touchstone/test/recongen.number
4 13
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cellIf
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
4 12
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).take
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).checkCells
15 12
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
bytes.Count
18 12
runtime.growslice
runtime.memmove
106 12
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
github.com/seed-3356bd69/touchstone/recon/entry.sum.plus
13 11
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).onlyFirst
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
6 11
bytes.IndexByte
internal/bytealg.IndexByte
1 10
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Factor
github.com/seed-3356bd69/touchstone/recon/entry.productOf
10 10
github.com/seed-3356bd69/touchstone/recon/entry.AppendText
runtime.memmove
2 10
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).filled
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
2 10
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).otherWord
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).find
1 10
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).number
19 10
github.com/seed-3356bd69/touchstone/test/recongen.(*book).agreed
github.com/seed-3356bd69/touchstone/test/recongen.(*book).regularBooking
6 10
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.clock
12 10
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
github.com/seed-3356bd69/touchstone/recon/entry.mix
16 9
github.com/seed-3356bd69/touchstone/recon/match.(*picker).places
github.com/seed-3356bd69/touchstone/recon/match.(*picking).run
4 9
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).word
7 9
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).word
22 9
github.com/seed-3356bd69/touchstone/test/recongen.(*book).regularBooking
github.com/seed-3356bd69/touchstone/test/recongen.(*permutation).at
8 9
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.subject
16 9
github.com/seed-3356bd69/touchstone/recon/match.(*probe).match
github.com/seed-3356bd69/touchstone/recon/entry.(*Entry).Same
11 8
github.com/seed-3356bd69/touchstone/recon/match.(*probe).run
github.com/seed-3356bd69/touchstone/recon/match.(*probe).fill
6 8
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).currencyOf
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).find
1 8
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).number
github.com/seed-3356bd69/touchstone/recon/scan.hundredthsOf
11 8
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readFee
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).number
5 8
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
github.com/seed-3356bd69/touchstone/recon/scan.slashed
23 8
runtime.heapSetTypeNoHeader
runtime.(*mspan).writeHeapBitsSmall
4 8
runtime.mallocgcSmallScanNoHeader
runtime.heapSetTypeNoHeader
37 8
github.com/seed-3356bd69/touchstone/recon/match.(*scatter).load.func1
runtime.memmove
0 7
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).find
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).remember
6 7
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).number
github.com/seed-3356bd69/touchstone/recon.ParseDecimal[go.shape.[]uint8]
19 7
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).onlyFirst
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
2 7
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).onlyFirst
github.com/seed-3356bd69/touchstone/recon/scan.clean
7 7
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readKey
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
2 7
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
4 7
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).word
17 7
github.com/seed-3356bd69/touchstone/recon/scan.hundredthsOf
runtime.memmove
5 7
github.com/seed-3356bd69/touchstone/recon/scan.spread
github.com/seed-3356bd69/touchstone/recon/scan.lowest
10 7
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).chunk
github.com/seed-3356bd69/touchstone/test/recongen.(*book).at
4 7
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).produce.func1.1
github.com/seed-3356bd69/touchstone/test/recongen.(*Generator).chunk
0 7
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.yuan
9 7
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.subject
github.com/seed-3356bd69/touchstone/test/recongen.padded
4 7
runtime.mallocgc
runtime.mallocgcSmallScanNoHeader
83 7
runtime.sysUnusedOS
runtime.madvise
22 7
runtime.wbBufFlush.func1
runtime.wbBufFlush1
1 7
bytes.Count
internal/bytealg.Count
6 6
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Factor
github.com/seed-3356bd69/touchstone/recon/entry.sum.plus
6 6
github.com/seed-3356bd69/touchstone/recon/scan.spread
github.com/seed-3356bd69/touchstone/recon/scan.lowest
8 6
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.subject
runtime.memmove
4 6
runtime.wbBufFlush1
runtime.tryDeferToSpanScan
45 6
github.com/seed-3356bd69/touchstone/recon/match.(*probe).settleDirty
github.com/seed-3356bd69/touchstone/recon/match.(*sums).count
5 5
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).canonical
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).text
19 5
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).isEmpty
40 5
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).sumOf
44 5
github.com/seed-3356bd69/touchstone/recon/scan.slashed
github.com/seed-3356bd69/touchstone/recon/scan.slashIn
14 5
github.com/seed-3356bd69/touchstone/test/recongen.(*book).at
github.com/seed-3356bd69/touchstone/test/recongen.(*book).agreed
2 5
github.com/seed-3356bd69/touchstone/test/recongen.number
runtime.memmove
7 5
runtime.growslice
runtime.memclrNoHeapPointers
92 5
runtime.wbBufFlush1
runtime.findObject
48 5
github.com/seed-3356bd69/touchstone/recon/match.(*picking).run
github.com/seed-3356bd69/touchstone/recon/match.bitset.has
10 4
github.com/seed-3356bd69/touchstone/recon/match.(*probe).gather
github.com/seed-3356bd69/touchstone/recon/match.(*probe).isDirty
2 4
github.com/seed-3356bd69/touchstone/recon/match.(*probe).isDirty
slices.Contains[go.shape.[]uint64,go.shape.uint64]
2 4
github.com/seed-3356bd69/touchstone/recon/match.(*probe).run.func2
github.com/seed-3356bd69/touchstone/recon/match.(*probe).gather
0 4
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).read
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readKey
7 4
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).currencyOf
5 4
github.com/seed-3356bd69/touchstone/recon/scan.maskOf
encoding/binary.littleEndian.Uint64
14 4
github.com/seed-3356bd69/touchstone/recon/scan.spread
github.com/seed-3356bd69/touchstone/recon/scan.lowest
6 4
github.com/seed-3356bd69/touchstone/test/recongen.(*book).at
github.com/seed-3356bd69/touchstone/test/recongen.(*plan).row
1 4
github.com/seed-3356bd69/touchstone/test/recongen.clock
github.com/seed-3356bd69/touchstone/test/recongen.padded
3 4
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.padded
14 4
runtime.scanObject
runtime.typePointers.next
55 4
slices.Contains[go.shape.[]uint64,go.shape.uint64]
slices.Index[go.shape.[]uint64,go.shape.uint64]
1 4
github.com/seed-3356bd69/touchstone/recon/entry.AppendText
encoding/binary.AppendUvarint
1 3
github.com/seed-3356bd69/touchstone/recon/match.(*marks).multiply
github.com/seed-3356bd69/touchstone/recon/cpu.Prefetch
3 3
github.com/seed-3356bd69/touchstone/recon/match.(*probe).run
github.com/seed-3356bd69/touchstone/recon/match.(*probe).settleDirty
18 3
github.com/seed-3356bd69/touchstone/recon/match.sideSink.Take
runtime.asyncPreempt
14 3
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).entry
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).Key
2 3
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
runtime.memmove
26 3
github.com/seed-3356bd69/touchstone/recon/scan.Guard
github.com/seed-3356bd69/touchstone/recon/scan.(*Side).scanBlocks.func1.1
12 3
github.com/seed-3356bd69/touchstone/recon/scan.hundredths
github.com/seed-3356bd69/touchstone/recon/scan.eightDigits
16 3
github.com/seed-3356bd69/touchstone/recon/scan.spread
github.com/seed-3356bd69/touchstone/recon/scan.lowest
4 3
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.refundNumber
5 3
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
github.com/seed-3356bd69/touchstone/recon/entry.lastWord
10 2
github.com/seed-3356bd69/touchstone/recon/match.(*probe).settle
github.com/seed-3356bd69/touchstone/recon/match.(*sums).count
9 2
github.com/seed-3356bd69/touchstone/recon/match.(*sums).count
github.com/seed-3356bd69/touchstone/recon/match.(*sums).find
3 2
github.com/seed-3356bd69/touchstone/recon/scan.(*cutter).next
github.com/seed-3356bd69/touchstone/recon/scan.(*cutter).count
15 2
github.com/seed-3356bd69/touchstone/recon/scan.(*cutter).segment
github.com/seed-3356bd69/touchstone/recon/scan.(*cutter).boundary
3 2
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).find
memeqbody
5 2
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).blank
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).within
2 2
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).canonical
github.com/seed-3356bd69/touchstone/recon/entry.AppendNumber
3 2
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).canonical
github.com/seed-3356bd69/touchstone/recon/entry.Compared.Has
5 2
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).easyKey
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).blank
10 2
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).onlyFirst
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).isEmpty
7 2
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
github.com/seed-3356bd69/touchstone/recon/scan.clean
17 2
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).word
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).otherWord
4 2
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).count
slices.IndexFunc[go.shape.[]github.com/seed-3356bd69/touchstone/recon/scan.Sum,go.shape.struct { Label github.com/seed-3356bd69/touchstone/recon/entry.Label; Count int64; Minor int64; Fee int64 }]
2 2
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).readEasy
github.com/seed-3356bd69/touchstone/recon/entry.(*Hasher).PlainKey
48 2
github.com/seed-3356bd69/touchstone/test/recongen.(*book).regularBooking
github.com/seed-3356bd69/touchstone/test/recongen.fee
18 2
github.com/seed-3356bd69/touchstone/test/recongen.clock
github.com/seed-3356bd69/touchstone/test/recongen.padded
7 2
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
github.com/seed-3356bd69/touchstone/test/recongen.csvStatus
11 2
github.com/seed-3356bd69/touchstone/test/recongen.refundNumber
github.com/seed-3356bd69/touchstone/test/recongen.padded
7 2
os.(*File).ReadAt
os.(*File).pread
10 2
os.(*File).pread
internal/poll.(*FD).Pread
1 2
runtime.(*mheap).allocMSpanLocked
runtime.(*fixalloc).alloc
12 2
runtime.(*mheap).initSpan
runtime.(*mspan).init
3 2
runtime.mallocgcSmallScanNoHeader
runtime.gcmarknewobject
54 2
runtime.typePointers.next
runtime.typePointers.nextFast
3 2
crypto/internal/fips140/sha256.block
crypto/internal/fips140/sha256.blockSHANI
2 1
github.com/seed-3356bd69/touchstone/recon.ParseDecimal[go.shape.[]uint8]
runtime.asyncPreempt
20 1
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
encoding/binary.littleEndian.Uint64
4 1
github.com/seed-3356bd69/touchstone/recon/entry.(*multilinear).hash
runtime.asyncPreempt
0 1
github.com/seed-3356bd69/touchstone/recon/entry.NewLabel
github.com/seed-3356bd69/touchstone/recon/entry.codeOf[go.shape.string]
1 1
github.com/seed-3356bd69/touchstone/recon/entry.mix
runtime.asyncPreempt
2 1
github.com/seed-3356bd69/touchstone/recon/match.(*againSink).Take
github.com/seed-3356bd69/touchstone/recon/match.sideSink.Take
8 1
github.com/seed-3356bd69/touchstone/recon/match.(*lineIndex).add
github.com/seed-3356bd69/touchstone/recon/entry.At.Place
16 1
github.com/seed-3356bd69/touchstone/recon/match.(*marks).dirtyAs
github.com/seed-3356bd69/touchstone/recon/match.(*marks).whole
1 1
github.com/seed-3356bd69/touchstone/recon/match.(*marks).multiply
runtime.asyncPreempt
10 1
github.com/seed-3356bd69/touchstone/recon/match.(*marks).whole
github.com/seed-3356bd69/touchstone/recon/entry.Product.Times
5 1
github.com/seed-3356bd69/touchstone/recon/match.(*probe).fill
runtime.memclrNoHeapPointers
6 1
github.com/seed-3356bd69/touchstone/recon/match.(*probe).match
runtime.asyncPreempt
6 1
github.com/seed-3356bd69/touchstone/recon/match.(*probe).settleDirty
github.com/seed-3356bd69/touchstone/recon/match.(*probe).isDirty
2 1
github.com/seed-3356bd69/touchstone/recon/match.entryOf
github.com/seed-3356bd69/touchstone/recon/entry.NewLabel
1 1
github.com/seed-3356bd69/touchstone/recon/match.sideSink.Take
github.com/seed-3356bd69/touchstone/recon/match.(*scatterWorker).open
10 1
github.com/seed-3356bd69/touchstone/recon/scan.(*cutter).count
sync.(*Mutex).Lock
5 1
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).remember
runtime.memmove
5 1
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).choose
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).find
6 1
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readKey
runtime.asyncPreempt
1 1
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readMoney
github.com/seed-3356bd69/touchstone/recon/scan.(*lookup).find
13 1
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).readParts
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).cell
10 1
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).take
runtime.asyncPreempt
11 1
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).takeLine
bytes.IndexByte
1 1
github.com/seed-3356bd69/touchstone/recon/scan.(*parser).within
runtime.asyncPreempt
2 1
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).flush
github.com/seed-3356bd69/touchstone/recon/match.(*againSink).Take
4 1
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).flush
github.com/seed-3356bd69/touchstone/recon/match.markSink.Take
4 1
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).takeAt
bytes.IndexByte
1 1
github.com/seed-3356bd69/touchstone/recon/scan.Guard
github.com/seed-3356bd69/touchstone/recon/scan.(*Side).ScanAgain.func1.1
12 1
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
runtime.asyncPreempt
3 1
github.com/seed-3356bd69/touchstone/recon/scan.cutLine
simd/archsimd.BroadcastUint8x32
1 1
github.com/seed-3356bd69/touchstone/recon/scan.hundredths
encoding/binary.littleEndian.Uint64
5 1
github.com/seed-3356bd69/touchstone/recon/scan.hundredths
runtime.asyncPreempt
0 1
github.com/seed-3356bd69/touchstone/recon/scan.maskOf
encoding/binary.littleEndian.Uint64
8 1
github.com/seed-3356bd69/touchstone/recon/scan.maskOf
encoding/binary.littleEndian.Uint64
12 1
github.com/seed-3356bd69/touchstone/recon/scan.maskOf
encoding/binary.littleEndian.Uint64
16 1
github.com/seed-3356bd69/touchstone/recon/scan.slashed
encoding/binary.littleEndian.Uint64
12 1
github.com/seed-3356bd69/touchstone/recon/scan.transpose
runtime.asyncPreempt
6 1
github.com/seed-3356bd69/touchstone/test/recongen.(*book).regularBooking
github.com/seed-3356bd69/touchstone/test/recongen.mix
9 1
github.com/seed-3356bd69/touchstone/test/recongen.(*book).regularBooking
runtime.asyncPreempt
18 1
github.com/seed-3356bd69/touchstone/test/recongen.clock
github.com/seed-3356bd69/touchstone/test/recongen.padded
5 1
github.com/seed-3356bd69/touchstone/test/recongen.clock
runtime.asyncPreempt
5 1
github.com/seed-3356bd69/touchstone/test/recongen.csvFile.row
runtime.memmove
7 1
github.com/seed-3356bd69/touchstone/test/recongen.mix
runtime.asyncPreempt
5 1
github.com/seed-3356bd69/touchstone/test/recongen.token
github.com/seed-3356bd69/touchstone/test/recongen.mix
4 1
github.com/seed-3356bd69/touchstone/test/recongen.token
runtime.asyncPreempt
2 1
golang.org/x/sys/unix.munmap
syscall.Syscall
1 1
internal/poll.(*FD).Pread
internal/poll.(*FD).decref
16 1
internal/poll.(*FD).Pread
internal/poll.(*FD).incref
4 1
internal/poll.(*FD).Pread
internal/poll.ignoringEINTR2[go.shape.int]
10 1
internal/poll.(*FD).Pread.func1
syscall.Pread
1 1
internal/poll.(*FD).decref
internal/poll.(*fdMutex).decref
1 1
internal/poll.(*FD).incref
internal/poll.(*fdMutex).incref
1 1
internal/poll.ignoringEINTR2[go.shape.int]
internal/poll.(*FD).Pread.func1
2 1
runtime.(*atomicMSpanPointer).Load
internal/runtime/atomic.(*UnsafePointer).Load
1 1
runtime.(*consistentHeapStats).acquire
internal/runtime/atomic.(*Uint32).Add
2 1
runtime.(*gcControllerState).trigger
runtime.(*gcControllerState).heapGoalInternal
1 1
runtime.(*mSpanStateBox).get
internal/runtime/atomic.(*Uint8).Load
1 1
runtime.(*mcache).refill
runtime.(*mcentral).cacheSpan
45 1
runtime.(*mcentral).cacheSpan
runtime.(*activeSweep).begin
36 1
runtime.(*mcentral).cacheSpan
runtime.deductSweepCredit
3 1
runtime.(*mcentral).uncacheSpan
runtime.(*spanSet).push
40 1
runtime.(*mheap).freeSpanLocked
runtime.(*consistentHeapStats).acquire
39 1
runtime.(*mheap).initSpan
runtime.(*mheap).allocNeedsZero
6 1
runtime.(*mheap).nextSpanForSweep
runtime.(*spanSet).pop
9 1
runtime.(*mspan).initHeapBits
runtime.memclrNoHeapPointers
8 1
runtime.(*mspan).writeHeapBitsSmall
runtime.spanHeapBitsRange
29 1
runtime.(*pageAlloc).free
runtime.(*pageAlloc).update
36 1
runtime.(*pageAlloc).free
runtime.(*scavengeIndex).free
14 1
runtime.(*spanSet).pop
runtime.(*atomicMSpanPointer).Load
61 1
runtime.(*sweepLocked).sweep
runtime.(*mspan).moveInlineMarks
151 1
runtime.(*sweepLocked).sweep
runtime.newMarkBits
193 1
runtime.(*unwinder).next
runtime.(*unwinder).resolveInternal
74 1
runtime.(*unwinder).next
runtime.findfunc
10 1
runtime.addspecial
runtime.(*mspan).ensureSwept
10 1
runtime.bulkBarrierPreWrite
runtime.(*wbBuf).get2
65 1
runtime.bulkBarrierPreWrite
runtime.typePointers.next
60 1
runtime.chanrecv
runtime.empty
25 1
runtime.deductSweepCredit
runtime.traceAcquire
6 1
runtime.entersyscall
runtime.reentersyscall
6 1
runtime.findRunnable
runtime.pidleput
230 1
runtime.futexsleep
runtime.futex
13 1
runtime.futexwakeup
runtime.futex
1 1
runtime.lock2
runtime.procyield
61 1
runtime.mProf_Malloc
runtime.stkbucket
13 1
runtime.mallocgc
runtime.mallocgcLarge
89 1
runtime.mallocgc
runtime.mallocgcSmallNoscan
76 1
runtime.mallocgcSmallNoscan
runtime.nextFreeFast
37 1
runtime.mallocgcSmallScanNoHeader
runtime.getMCache
20 1
runtime.markroot
runtime.markrootSpans
38 1
runtime.markrootBlock
runtime.scanblock
21 1
runtime.markrootSpans
runtime.(*mSpanStateBox).get
47 1
runtime.memclrNoHeapPointersChunked
runtime.memclrNoHeapPointers
15 1
runtime.newMarkBits
runtime.(*gcBitsArena).tryAlloc
6 1
runtime.newobject
runtime.mallocgc
1 1
runtime.pcvalue
runtime.step
69 1
runtime.pidleput
runtime.nanotime
7 1
runtime.procyield
runtime.procyieldAsm
4 1
runtime.runqgrab
runtime.usleep
33 1
runtime.scanObject
runtime.tryDeferToSpanScan
81 1
runtime.scanObjectsSmall
runtime.tryDeferToSpanScan
40 1
runtime.scanSpan
runtime.scanObjectsSmall
53 1
runtime.scanblock
runtime.tryDeferToSpanScan
22 1
runtime.signalM
runtime.tgkill
1 1
runtime.stkbucket
runtime.eqslice
34 1
runtime.sweepone
runtime.(*sweepLocker).tryAcquire
34 1
runtime.typedmemmove
runtime.bulkBarrierPreWrite
8 1
runtime.wbBufFlush1
runtime.(*mspan).markBitsForIndex
54 1
slices.IndexFunc[go.shape.[]github.com/seed-3356bd69/touchstone/recon/scan.Sum,go.shape.struct { Label github.com/seed-3356bd69/touchstone/recon/entry.Label; Count int64; Minor int64; Fee int64 }]
github.com/seed-3356bd69/touchstone/recon/scan.(*worker).count.func1
2 1
sync.(*Mutex).Lock
internal/sync.(*Mutex).Lock
1 1
syscall.Syscall6
runtime.exitsyscall
3 1
