/*
 * test_answers.c - what a server owes, as sequences of messages.
 *
 * A script is read from left to right: after '>' letters are messages sent to
 * the server, after '<' messages seen from it. A mark behind a letter:
 *   sent: '-' ours (swallow), 'x' must be dropped, '!' must be a violation
 *   seen: '-' must be ours, '!' must be unexpected, '?' the client's fault
 * Lower-case 'o' sent is our probe.
 */
#include "support/unit.h"

#include <string.h>

#include "core/buf.h"
#include "server/answers.h"

struct script {
	const char *label;
	const char *steps;
	bool settled; /* at the end */
	bool probe;   /* needed at the end */
};

static const struct script scripts[] = {
    {"simple query", ">Q<TDDCZ", true, false},
    {"empty query", ">Q<IZ", true, false},
    {"several statements in a query", ">Q<TDCTDCCZ", true, false},
    {"extended batch", ">PBDES<12TDCZ", true, false},
    {"describe of a statement", ">PDS<1tTZ", true, false},
    {"describe without rows", ">PDS<1tnZ", true, false},
    {"suspended portal", ">BES<2DsZ", true, false},
    {"parse, flush: open until Sync", ">PBES<12CZ>PH<1", false, false},
    {"and closed by Sync", ">PH<1>S<Z", true, false},
    {"many Syncs in one write",
        ">SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS"
        "<ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ",
        true, false},
    {"error drops up to Sync", ">PBDESPBES<1EZ12CZ", true, false},
    {"error ignores pipelined Query up to Sync", ">PBEQ<E>QF>S<Z", true, false},
    {"error, later Query before Sync ignored", ">PBE<E>Q>S<Z>Q<CZ", true,
        false},
    {"error without Sync keeps it open", ">PBE<E", false, false},
    {"error of a Query", ">Q<EZ", true, false},
    {"error at the Sync's commit", ">PBES<12CEZ", true, false},
    {"function call", ">F<VZ>F<EZ", true, false},
    {"close of a portal", ">CS<3Z", true, false},
    {"notice amid rows", ">Q<TDNDCZ", true, false},
    {"notification and parameter status when idle", "<ASN", true, false},
    {"our own query", ">Q-<T-D-C-Z-", true, false},
    {"our own query before the client's", ">Q-PBES<C-Z-12CZ", true, false},
    {"our own notice", ">Q-<N-C-Z-", true, false},
    {"our own error", ">Q-<E-Z-", true, false},
    {"unasked ready", "<Z!", true, false},
    {"unasked row", "<D!", true, false},
    {"answer of the wrong kind", ">P<2!", false, false},
    {"row for a Parse", ">P<D!", false, false},
    {"copy out", ">Q<HddcCZ", true, false},
    {"copy in, simple", ">Q<G>ddc<CZ", true, false},
    {"copy in, failed by the client", ">Q<G>df<EZ", true, false},
    {"copy in, all at once", ">Qddc<GCZ", true, false},
    {"two copies in one query", ">Q<G>dc<CG>dc<CZ", true, false},
    {"two copies in one query, all at once", ">Qdcdc<GCGCZ", true, false},
    {"copy data after a failed copy is dropped", ">Q<G>d<EZ>dxcx", true, false},
    {"copy end sent before the error was seen", ">Q<G>dc<EZ>Q<CZ", true, false},
    {"copy in, as libpq sends it", ">PBDES<12nG>ddcS<CZ", true, false},
    {"copy in, extended, pipelined", ">PBEdcS<12GCZ", true, false},
    {"copy in, early Sync eaten, batch still open", ">PBES<12G>dc<C", false,
        false},
    {"copy in fails, as libpq sends it", ">PBDES<12nG>dd<E>dxcxS<Z", true,
        true},
    {"and the probe shows nothing more", ">PBES<12G>d<E>S<Z>o<I-Z-", true,
        false},
    {"copy in fails before it ate the Sync", ">PBES<12GE>S<ZZ", true, false},
    {"the probe meets the Sync's answer", ">PBES<12GE>S<Z>o<ZI-Z-", true,
        false},
    {"copy in fails and the early Sync was answered", ">PBES<12GEZ", true,
        false},
    {"simple copy, Sync during it is eaten", ">Q<G>dSc<CZ", true, false},
    {"simple copy, Sync during it, fails", ">Q<G>dS<EZ", true, true},
    {"Query amid a copy", ">Q<G>dQ!", false, false},
    {"Query pipelined behind a simple copy", ">QQ<G?", false, false},
    {"Parse pipelined behind an extended copy", ">PBEPBES<12GEZ", true, false},
    {"copy refused at Bind", ">PBEdcS<1EZ", true, false},
    {"copy end for a query that was no copy", ">Qc<CZ", true, false},
    {"stray copy data", ">dxcxfx", true, false},
    {"shutdown while idle", "<E", true, false},
};

static void
run_seen(struct answers *answers, const char *label, char type, char mark)
{
	enum answers_seen want = mark == '-' ? ANSWERS_SWALLOW
	    : mark == '!'                    ? ANSWERS_UNEXPECTED
	    : mark == '?'                    ? ANSWERS_CLIENT_FAULT
	                                     : ANSWERS_PASS;
	enum answers_seen got = answers_seen(answers, (uint8_t)type);

	ck_assert_msg(got == want, "%s: %c gave %d, not %d", label, type,
	    (int)got, (int)want);
}

static void
run_sent(struct answers *answers, const char *label, char type, char mark)
{
	enum answers_sent want = mark == 'x' ? ANSWERS_DROP
	    : mark == '!'                    ? ANSWERS_VIOLATION
	                                     : ANSWERS_FORWARD;
	enum answers_sent got;

	if (type == 'o') {
		answers_sent_probe(answers);
		return;
	}
	got = answers_sent(answers, (uint8_t)type, mark == '-');
	ck_assert_msg(got == want, "%s: %c gave %d, not %d", label, type,
	    (int)got, (int)want);
}

START_TEST(answers_follow_the_protocol)
{
	const struct script *script = &scripts[_i];
	struct answers answers;
	bool sending = true;

	answers_init(&answers);
	for (const char *at = script->steps; *at != '\0'; at++) {
		char mark = at[1] != '\0' && strchr("-x!?", at[1]) != NULL
		    ? at[1]
		    : ' ';

		if (*at == '>' || *at == '<') {
			sending = *at == '>';
			continue;
		}
		if (sending) {
			run_sent(&answers, script->label, *at, mark);
		} else {
			run_seen(&answers, script->label, *at, mark);
		}
		at += mark == ' ' ? 0 : 1;
	}
	ck_assert_msg(answers_is_settled(&answers) == script->settled,
	    "%s: settled", script->label);
	ck_assert_msg(answers_needs_probe(&answers) == script->probe,
	    "%s: probe", script->label);
	ck_assert_msg(!script->settled || answers.sent == answers.done,
	    "%s: ordinals", script->label);
	answers_fini(&answers);
}
END_TEST

START_TEST(answers_invented_come_in_their_place)
{
	struct answers answers;
	struct buf out = {0};

	answers_init(&answers);
	ck_assert(!answers_invent(&answers, "a", 1));
	ck_assert(answers_sent(&answers, 'B', false) == ANSWERS_FORWARD);
	ck_assert(answers_invent(&answers, "one", 3));
	ck_assert(answers_invent(&answers, "two", 3));
	ck_assert(answers_sent(&answers, 'S', false) == ANSWERS_FORWARD);
	ck_assert(answers_invent(&answers, "three", 5));
	ck_assert(!answers_take_invented(&answers, &out));
	ck_assert(answers_seen(&answers, '2') == ANSWERS_PASS);
	ck_assert(answers_take_invented(&answers, &out));
	ck_assert_str_eq(buf_text(&out), "onetwo");
	ck_assert(answers_seen(&answers, 'Z') == ANSWERS_PASS);
	ck_assert(answers_take_invented(&answers, &out));
	ck_assert_str_eq(buf_text(&out), "onetwothree");
	ck_assert(answers_is_settled(&answers));
	buf_fini(&out);
	answers_fini(&answers);
}
END_TEST

START_TEST(answers_invented_go_with_the_error_before_them)
{
	struct answers answers;
	struct buf out = {0};

	answers_init(&answers);
	ck_assert(answers_sent(&answers, 'P', false) == ANSWERS_FORWARD);
	ck_assert(answers_invent(&answers, "never", 5));
	ck_assert(answers_sent(&answers, 'S', false) == ANSWERS_FORWARD);
	ck_assert(answers_seen(&answers, 'E') == ANSWERS_PASS);
	ck_assert(!answers_take_invented(&answers, &out));
	ck_assert(answers_seen(&answers, 'Z') == ANSWERS_PASS);
	ck_assert(!answers_take_invented(&answers, &out));
	ck_assert(answers_is_settled(&answers));
	answers_fini(&answers);
	buf_fini(&out);
}
END_TEST

START_TEST(answers_grow_and_keep_their_order)
{
	struct answers answers;

	answers_init(&answers);
	for (uint32_t i = 0; i < 3000; i++) {
		ck_assert(answers_sent(&answers, i % 3 == 0 ? 'Q' : 'S',
		              i % 2 == 0) == ANSWERS_FORWARD);
		if (i % 4 == 3) {
			/* the oldest of them */
			ck_assert(answers_seen(&answers, 'Z') ==
			    ((i / 4) % 2 == 0 ? ANSWERS_SWALLOW
			                      : ANSWERS_PASS));
		}
	}
	ck_assert_uint_eq(answers.count, 2250);
	answers_swallow_all(&answers);
	while (answers.count > 0) {
		ck_assert(answers_seen(&answers, 'Z') == ANSWERS_SWALLOW);
	}
	ck_assert_uint_eq(answers.runs, 0);
	answers_fini(&answers);
}
END_TEST

START_TEST(answers_have_a_bound)
{
	struct answers answers;

	answers_init(&answers);
	while (answers_has_room(&answers)) {
		ck_assert(
		    answers_sent(&answers, 'S', false) == ANSWERS_FORWARD);
	}
	ck_assert_uint_eq(answers.count, ANSWERS_MAX);
	answers_fini(&answers);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("answers");
	TCase *theme = tcase_create("owed");

	tcase_add_loop_test(theme, answers_follow_the_protocol, 0,
	    (int)(sizeof(scripts) / sizeof(*scripts)));
	tcase_add_test(theme, answers_invented_come_in_their_place);
	tcase_add_test(theme, answers_invented_go_with_the_error_before_them);
	tcase_add_test(theme, answers_grow_and_keep_their_order);
	tcase_add_test(theme, answers_have_a_bound);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
