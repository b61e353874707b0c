# A DBD::mysql client that prints what it gets. Arguments: port, authority's file or "", mark of its writes, parts to play.
use strict;
use warnings;
use DBI;
use Digest::MD5 qw(md5_hex);
use File::Temp qw(tempfile);

my ($port, $authority, $mark, $parts) = @ARGV;
$| = 1;

sub connection {
	my (%more) = @_;
	my $dsn = "DBI:mysql:database=shop;host=127.0.0.1;port=$port;mysql_server_prepare=1;mysql_local_infile=1;mysql_multi_statements=1";
	$dsn .= ";mysql_ssl=1;mysql_ssl_optional=1;mysql_ssl_ca_file=$authority" if $authority;
	return DBI->connect($dsn, "root", "", {RaiseError => 0, PrintError => 0, AutoCommit => 1, mysql_enable_utf8mb4 => 1, %more})
		|| die "connect: $DBI::err $DBI::errstr\n";
}

sub show {
	my ($v) = @_;
	return "NULL" unless defined $v;
	utf8::encode($v) if utf8::is_utf8($v);
	return length($v) > 100 || $v =~ /[^\x20-\x7e]/ ? length($v) . " bytes " . md5_hex($v) : $v;
}

sub told {
	my ($what, $n) = @_;
	$what =~ s/\Q$mark\E// if $mark;
	$what = substr($what, 0, 60);
	print "$what: ", defined $n ? "$n rows" : "error $DBI::err $DBI::state $DBI::errstr", "\n";
}

sub query {
	my ($db, $text, @args) = @_;
	my $s = $db->prepare($text);
	return told($text, undef) unless $s;
	my $n = $s->execute(@args);
	told($text, $n);
	return unless defined $n && $s->{NUM_OF_FIELDS};
	while (my $row = $s->fetchrow_arrayref) { print "  ", join(" | ", map { show($_) } @$row), "\n" }
	told("fetch", undef) if $s->err;
}

my %part;

# One statement, executed again and again: types once, NULLs where values were and the other way round.
$part{prepared} = sub {
	my $db = connection();
	my $s = $db->prepare($mark . "INSERT INTO pay (order_no, amount, rate, note, raw, d, at, t, f, flag) VALUES (?,?,?,?,?,?,?,?,?,?)");
	my $blob = join("", map { chr($_) } 0 .. 255) x 1024;
	my @rows = (
		["pl-1", 1, "1.2500", "plain", "", "2026-02-28", "2026-02-28 23:59:59.999999", "-07:00:00.000001", 0.5, 1],
		["pl-2", (undef) x 9],
		["pl-3", "-9223372036854775808", "-0.0001", "it's \"so\" \\ % \n\r;-- /* x */", $blob, "0001-01-01", "9999-12-31 00:00:00", "838:00:00", "-1e300", 0],
		["pl-4-\x{8ba2}", "9223372036854775807", undef, "\x{4ed8}\x{6b3e} ", "\x00'\\", undef, undef, "00:00:00", "0.25", undef],
		["pl-5", (undef) x 9],
		["pl-1", (undef) x 9],
		["pl-6", 6, 6, 6, 6, "2026-06-06", "2026-06-06", "06:06:06", 6, 6],
	);
	for my $row (@rows) { told("execute " . show($row->[0]), $s->execute(@$row)) }
	my $typed = $db->prepare($mark . "INSERT INTO pay (order_no, amount, f) VALUES (?,?,?)");
	for my $i (1 .. 3) {
		$typed->bind_param(1, "pl-typed-$i");
		$typed->bind_param(2, $i == 2 ? undef : $i * 1000, DBI::SQL_BIGINT);
		$typed->bind_param(3, $i == 3 ? undef : $i / 4, DBI::SQL_DOUBLE);
		told("typed $i", $typed->execute);
	}
	my $flow = $db->prepare($mark . "INSERT INTO flow (order_no, amount) VALUES (?, ?)");
	for my $i (1 .. 3) { told("flow $i", $flow->execute("pl-$i", "$i.50")); print "id $db->{mysql_insertid}\n" }
	my $read = $db->prepare("SELECT order_no, amount, note FROM pay WHERE order_no = ?");
	for my $key ("pl-1", "pl-2", "nobody", "pl-1") { $read->execute($key); print show($key), " ", join(" | ", map { show($_) } map { @$_ } @{$read->fetchall_arrayref}), "\n" }
	query($db, "SELECT * FROM pay ORDER BY order_no");
	query($db, "SELECT order_no, amount FROM flow ORDER BY id");
	$db->disconnect;
};

$part{transaction} = sub {
	my $db = connection(AutoCommit => 0);
	my $s = $db->prepare($mark . "INSERT INTO pay (order_no, amount) VALUES (?, ?)");
	told("one", $s->execute("pl-rolled-back", 1));
	$db->rollback;
	told("two", $s->execute("pl-tx", 2));
	told("again", $s->execute("pl-tx", 2));
	query($db, $mark . "UPDATE state SET n = n + ? WHERE order_no = ?", 1, "seed");
	$db->commit;
	$db->{AutoCommit} = 1;
	told("three", $s->execute("pl-auto", undef));
	$db->begin_work;
	told("four", $s->execute("pl-left-open", 4));
	$db->disconnect;
	$db = connection();
	query($db, "SELECT order_no, amount FROM pay WHERE order_no LIKE 'pl-%' ORDER BY order_no");
	query($db, "SELECT n FROM state");
	$db->disconnect;
};

$part{text} = sub {
	my $db = connection(mysql_server_prepare => 0);
	$db->{mysql_server_prepare} = 0;
	told("do", $db->do($mark . "INSERT INTO pay (order_no, note) VALUES (?, ?)", undef, "pl-text", "it's \\ \x{4ed8}"));
	my $s = $db->prepare($mark . "INSERT INTO flow (order_no, amount) VALUES ('pl-text', 1); SELECT 1; SELECT 2, 3");
	told("multi", $s->execute);
	while ($s->more_results) { print "  next: ", join(" | ", map { show($_) } map { @$_ } @{$s->fetchall_arrayref}), "\n" if $s->{NUM_OF_FIELDS} }
	query($db, "SELECT * FROM no_such_table");
	print "ping ", $db->ping, "\n";
	$db->disconnect;
};

$part{big} = sub {
	my $db = connection();
	my $s = $db->prepare("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i, REPEAT(SUBSTRING('abcdefghijklmnop', 1 + i % 16, 1), 9000) FROM n", {mysql_use_result => 1, mysql_server_prepare => 0});
	told("big", $s->execute(900));
	my ($digest, $n) = (Digest::MD5->new, 0);
	while (my $row = $s->fetchrow_arrayref) { $digest->add($row->[0], $row->[1]); $n++ }
	print "$n ", $digest->hexdigest, "\n";
	$db->disconnect;
};

$part{load} = sub {
	my $db = connection();
	my ($fh, $name) = tempfile(UNLINK => 1);
	print $fh "$_,line $_\n" for 1 .. 3000;
	close $fh;
	told("load", $db->do($mark . "LOAD DATA LOCAL INFILE '$name' INTO TABLE bulk FIELDS TERMINATED BY ','"));
	told("load nothing", $db->do("LOAD DATA LOCAL INFILE '/no/such/file' INTO TABLE bulk"));
	query($db, "SELECT COUNT(*), SUM(id), MAX(LENGTH(body)) FROM bulk");
	$db->disconnect;
};

$part{procedure} = sub {
	my $db = connection();
	my $s = $db->prepare("CALL report(3)");
	told("call", $s->execute);
	do { print "  ", join(" | ", map { show($_) } map { @$_ } @{$s->fetchall_arrayref}), "\n" if $s->{NUM_OF_FIELDS} } while ($s->more_results);
	$db->disconnect;
};

$part{unread} = sub {
	my $db = connection();
	query($db, "SELECT FROM");
	query($db, "SELECT 1");
	$db->disconnect;
};

$part{tls} = sub {
	my $db = connection();
	my ($name, $cipher) = $db->selectrow_array("SHOW STATUS LIKE 'Ssl_cipher'");
	print "encrypted: ", $cipher ne "" ? 1 : 0, "\n";
	$db->disconnect;
};

$part{refused} = sub {
	my $db = connection();
	query($db, $_) for "DROP TABLE pay", "SELECT * FROM mysql.user", "SELECT SLEEP(1)", "SET GLOBAL max_connections = 1", "SELECT 'still here'";
	$db->disconnect;
	DBI->connect("DBI:mysql:database=mysql;host=127.0.0.1;port=$port", "root", "", {PrintError => 0});
	print "login: $DBI::err $DBI::state $DBI::errstr\n";
};

for my $name (split /,/, $parts) {
	print "== $name\n";
	$part{$name}->();
}
