package stmt

import "strings"

// pure lists the functions that change nothing and reach nothing outside of the statement.
const pure = ` abs acos add_months any_value addtime ascii asin atan atan2 avg bin bin_to_uuid bit_and bit_count bit_length bit_or bit_xor
 cast ceil ceiling char char_length character_length charset coalesce coercibility collation concat concat_ws connection_id conv
 convert convert_tz cos cot count crc32 cume_dist curdate current_date current_role current_time current_timestamp current_user curtime
 database date date_add date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear default degrees dense_rank elt exp
 export_set extract field find_in_set first_value floor format found_rows from_base64 from_days from_unixtime get_format greatest
 group_concat grouping hex hour if ifnull in inet6_aton inet6_ntoa inet_aton inet_ntoa insert_func instr interval is_uuid isnull
 json_array json_array_append json_array_insert json_arrayagg json_contains json_contains_path json_depth json_extract json_insert
 json_keys json_length json_merge json_merge_patch json_merge_preserve json_object json_objectagg json_overlaps json_pretty json_quote
 json_remove json_replace json_search json_set json_storage_size json_type json_unquote json_valid json_value lag last_day
 last_insert_id last_value lcase lead least left length ln localtime localtimestamp locate log log10 log2 lower lpad ltrim make_set
 makedate maketime max md5 microsecond mid min minute mod month monthname nth_value ntile now nullif oct octet_length ord
 percent_rank period_add period_diff pi position pow power quarter quote radians rand rank regexp_instr regexp_like regexp_replace
 regexp_substr repeat replace reverse right round row_count row_number rpad rtrim schema sec_to_time second session_user sha sha1 sha2
 sign sin soundex space sqrt std stddev stddev_pop stddev_samp str_to_date strcmp subdate adddate substr substring substring_index subtime sum
 sysdate system_user tan time time_format time_to_sec timediff timestamp timestampadd timestampdiff to_base64 to_days to_seconds trim
 truncate ucase unhex unix_timestamp upper user utc_date utc_time utc_timestamp uuid uuid_short uuid_to_bin values var_pop var_samp
 variance version json_compact json_detailed json_equals json_exists json_loose json_normalize json_query lengthb natural_sort_key nvl nvl2 sformat to_char
 week weekday weekofyear weight_string year yearweek char_func dateliteral timeliteral timestampliteral `

// literals is what the parser puts before the names under which it calls DATE '…', TIME '…' and TIMESTAMP '…'.
const literals = "'tidb`.("

// IsPure tells whether a function is known to change nothing. Name in lower case.
func IsPure(name string) bool {
	name = strings.TrimPrefix(name, literals)
	return !strings.ContainsAny(name, " \n") && (strings.Contains(pure, " "+name+" ") || strings.Contains(pure, " "+name+"\n"))
}

// varies tells whether a pure function answers otherwise in another session or at another moment.
func varies(name string) bool {
	switch name {
	case "now", "sysdate", "curdate", "curtime", "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "utc_date", "utc_time",
		"utc_timestamp", "unix_timestamp", "rand", "uuid", "uuid_short", "connection_id", "last_insert_id", "found_rows", "row_count", "user", "current_user",
		"session_user", "system_user", "current_role", "database", "schema", "version", "any_value":
		return true
	}
	return false
}

// IsLockFunction tells whether a function takes or gives back a named lock: no rows, but seen by every schema.
func IsLockFunction(name string) bool {
	switch name {
	case "get_lock", "release_lock", "release_all_locks", "is_free_lock", "is_used_lock":
		return true
	}
	return false
}
