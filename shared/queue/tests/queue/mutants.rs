//! Every guard of the scripts is broken once, and a story has to notice.
//!
//! A mutant is one change of one script's text. The story that it names is told
//! on a bed with that script, where it has to fail; on a bed with nothing broken
//! the same story is a test that passes. A mutation that changes nothing, or
//! that Redis does not take for Lua, is a mistake of this file, and fails too.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use greenline_queue::Scripts;
use greenline_testbed::TestBed;

use crate::{
    approvals, bad_input, broken_keys, flow, keys, leader, leases, lost_calls, names, retention,
};
use crate::{operator, parents};

type Story = fn(TestBed) -> Pin<Box<dyn Future<Output = ()>>>;

/// One guard, broken.
struct Mutant {
    /// What the guard is for.
    guard: &'static str,
    script: &'static str,
    from: &'static str,
    to: &'static str,
    story: Story,
}

macro_rules! mutant {
    ($guard:literal, $script:literal, $from:literal => $to:literal, $($story:ident)::+) => {
        Mutant {
            guard: $guard,
            script: $script,
            from: $from,
            to: $to,
            story: |bed| Box::pin($($story)::+(bed)),
        }
    };
}

/// The guards of claims and settlements.
fn claims() -> Vec<Mutant> {
    vec![
        mutant!("a settlement needs the fence", "complete",
            "if fence == mine then" => "if status == 'running' or fence == mine then",
            leases::a_zombie_can_change_nothing),
        mutant!("a settlement needs a running task", "complete",
            "if status == 'running' then return nil end" => "do return nil end",
            leases::a_settlement_said_twice_counts_once),
        mutant!("a claim is settled once in one call", "complete",
            "seen[id] and 'already' or " => "",
            leases::a_settlement_said_twice_at_once_counts_once),
        mutant!("a heartbeat needs the fence", "heartbeat",
            "if task[1] ~= 'running' or task[2] ~= fence then" => "if task[1] ~= 'running' then",
            leases::a_zombie_can_change_nothing),
        mutant!("a claim re-checks the status", "claim",
            "if task[1] ~= 'pending' then" => "if not task[1] then",
            operator::many_are_marked_and_counted_right),
        mutant!("an id is given once in one answer", "claim",
            "if taken[id] then return false end" => "",
            names::an_id_that_is_pushed_by_hand_twice_is_given_once),
        mutant!("a lock is taken only if nobody has it", "claim",
            "'NX', 'PX', ARGV[7])" => "'PX', ARGV[7])",
            leases::an_operators_lock_defers_a_task),
        mutant!("a lock is taken off by its holder only", "complete",
            "if holders[i] == worker then" => "if holders[i] then",
            leases::nobody_takes_off_anothers_lock),
        mutant!("a heartbeat puts back a lock", "heartbeat",
            "call('SET', lock, worker, 'NX'" => "call('SET', lock .. '2', worker, 'NX'",
            leases::a_heartbeat_puts_back_a_lease_and_a_lock),
        mutant!("a fence grows though the clock does not", "claim",
            "math.max(num(before[1]) + 1, now_us)" => "now_us",
            leases::a_fence_only_grows),
        mutant!("a claim said again gets the same answer", "claim",
            "if last[1] == sequence then" => "if false then",
            lost_calls::a_claim_whose_answer_was_lost_is_given_again),
        mutant!("an old claim that comes late gets nothing", "claim",
            "if num(sequence) < num(last[1]) then" => "if false then",
            lost_calls::an_old_claim_that_arrives_late_claims_nothing),
        mutant!("a marked entry is dropped and counted off", "claim",
            "if call('HDEL', key, 'marked') == 1 then unmark(list) end" => "",
            operator::many_are_marked_and_counted_right),
        mutant!("an id without a hash is put aside", "claim",
            "quarantine_id(id, 'there is no hash" => "tostring(id, 'there is no hash",
            broken_keys::a_hash_deleted_by_hand_is_put_aside),
        mutant!("a release hands the task back", "release",
            "push(list_of(task[6], task[7]), task[7], {id}, true)" => "",
            leases::a_release_costs_nothing_and_comes_first),
    ]
}

/// The guards of time: leases, crashes, retention.
fn times() -> Vec<Mutant> {
    vec![
        mutant!("nobody is reaped after a gap", "tick",
            "since > longest_gap" => "since > 5000000000",
            leases::redis_away_longer_than_a_lease_costs_nothing),
        mutant!("a crash counts only if the task was started", "tick",
            "(started and 1 or 0)" => "1",
            leases::prefetched_tasks_cost_nothing_until_they_start),
        mutant!("a task runs alone before it is given up", "tick",
            "if started and crashes >= crashes_allowed - 1 and not was_alone then" => "if false then",
            leases::innocents_beside_poison_are_not_buried_with_it),
        mutant!("poison is given up", "tick",
            "crashes >= crashes_allowed and was_alone" => "false",
            leases::poison_in_a_batch_of_fifty_is_buried_alone),
        mutant!("a reaped claim's fence is stale", "tick",
            "int(num(fence) + 1)" => "fence",
            leases::who_was_reaped_is_not_told_already),
        mutant!("what nobody acknowledged is kept", "tick",
            "not call('ZSCORE', TASKS .. 'outbox', id) and" => "",
            retention::what_nobody_acknowledged_is_kept),
        mutant!("a parent that is waited for is kept", "tick",
            "and not waiting_child(id)" => "",
            retention::a_parent_that_is_waited_for_is_kept),
        mutant!("a task that lives is kept", "tick",
            "    if is_live(id) then" => "    if false then",
            retention::a_task_that_lives_is_never_forgotten),
        mutant!("news that nobody saw is not acknowledged", "acknowledge",
            "(task[2] or '') == ARGV[i + 1]" => "true",
            retention::news_that_nobody_has_seen_is_not_acknowledged),
        mutant!("tokens are capped", "enqueue",
            "1024" => "999999",
            flow::tokens_are_capped),
        mutant!("no minute sees more starts than its limit", "claim",
            "if start > now then" => "if false then",
            flow::no_minute_sees_more_starts_than_the_limit),
        mutant!("a late start counts when it starts", "claim",
            "math.max(now, minute_after(starts, n))" => "now",
            flow::a_late_start_counts_when_it_starts),
    ]
}

/// The guards of keys, families, people and leads.
fn rules() -> Vec<Mutant> {
    vec![
        mutant!("one is_live task has a dedup_key", "enqueue",
            "if other and is_live(other) then" => "if false then",
            keys::one_live_task_has_a_dedup_key),
        mutant!("a dedup_key is free when its task is gone", "enqueue",
            "if other and is_live(other) then" => "if other then",
            keys::a_dedup_key_is_free_when_its_task_is_gone),
        mutant!("one task of a concurrency_key runs", "enqueue",
            "if call('SCARD', slots) > 0 then" => "if false then",
            keys::tasks_of_a_key_run_one_at_a_time_in_order),
        mutant!("a task that waits for its retry frees its slot", "fail",
            "local slots, blocked = " => "do return end local slots, blocked = ",
            keys::a_task_that_waits_for_its_retry_lets_the_next_one_run),
        mutant!("a child waits for all its parents", "complete",
            "if parents[1] == 'waiting' and all_succeeded(parents[2]) then"
                => "if parents[1] == 'waiting' then",
            parents::a_diamond_waits_for_both_sides),
        mutant!("a child is its parent's by name only while it says so", "cancel",
            "if waits and is_child(child, parent) then" => "if waits then",
            parents::another_task_of_a_childs_name_is_no_child),
        mutant!("a parent that is needed is not purged", "purge",
            "elseif waiting_child(id) then" => "elseif false then",
            parents::a_parent_that_a_child_waits_for_is_not_purged),
        mutant!("an entry leaves adopting only when it stands elsewhere", "adopt",
            "local result\n" => "call('LREM', adopting, 1, ARGV[3])\nlocal result\n",
            bad_input::an_entry_is_not_lost_though_quarantine_is_broken),
        mutant!("a yes is bound to what was shown", "resolve_approval",
            "if approval[2] ~= ARGV[4] then return 'mismatch' end" => "",
            approvals::a_yes_counts_for_what_was_shown_only),
        mutant!("a yes in time is needed", "resolve_approval",
            "if tonumber(approval[3]) <= now then return 'expired' end" => "",
            approvals::nobody_answers_in_time),
        mutant!("a question is approval anew for another task", "resolve_approval",
            "or approval[2] ~= task[2] or" => "or",
            approvals::a_yes_from_an_earlier_life_does_not_count),
        mutant!("a retry does not pass the gate", "retry",
            "if request_again(id) then" => "if false then",
            approvals::a_retry_does_not_pass_the_gate),
        mutant!("a retry by hand after the term asks again", "retry",
            "return num(approval[4]) > now and 'yes' or 'open'" => "return 'yes'",
            approvals::a_retry_within_the_term_needs_no_second_yes),
        mutant!("what needs a yes and has none waits for it", "claim",
            "if task[6] and answer_to(id, task[6]) == 'open' then" => "if false then",
            approvals::what_is_pushed_without_a_yes_goes_back_to_wait_for_one),
        mutant!("a yes expires", "claim",
            "return num(approval[4]) > now and 'yes' or 'open'" => "return 'yes'",
            approvals::a_yes_counts_until_it_expires),
        mutant!("a no is not approval again because its task was pushed", "claim",
            "if state ~= 'approved' or approval[3] ~= hash then return 'no' end"
                => "if state ~= 'approved' then return 'open' end",
            approvals::no_is_not_gone_around),
        mutant!("a paused type is parked from every list", "claim",
            "if paused_types[kind] then" => "if paused_types[kind] and route == '' then",
            operator::a_paused_type_is_parked_whatever_labels_its_tasks_want),
        mutant!("a paused route of tasks that run alone is left alone", "claim",
            "== '!' and not paused['route:' .. route] then\n    alone" => "== '!' then\n    alone",
            operator::a_paused_route_of_tasks_that_run_alone_is_not_served),
        mutant!("the call to come alone is of the namespace", "claim",
            "call('SET', TASKS .. 'alone'" => "call('SET', 'agent:tasks:alone'",
            names::a_namespace_goes_before_what_calls_a_worker_to_come_alone),
        mutant!("a dedup_key is freed by its own task", "complete",
            "if task[1] and call('GET', TASKS .. 'dedup:' .. task[1]) == id then"
                => "if task[1] then",
            keys::a_task_that_ends_takes_nobody_elses_dedup_key_along),
        mutant!("nothing starts while all is paused", "claim",
            "if paused['all'] then" => "if false then",
            operator::nothing_starts_while_all_is_paused),
        mutant!("a running task is approval to stop, not ended", "cancel",
            "elseif status == 'running' then" => "elseif status == 'ran' then",
            operator::a_running_task_learns_that_it_is_cancelled),
        mutant!("one leads", "lead",
            "if holder then return {0, holder} end" => "",
            leader::one_of_two_leads),
        mutant!("who was deposed acts no more", "intent",
            "call('GET', P .. 'lead:epoch') ~= ARGV[5] or" => "",
            leader::who_was_deposed_begins_and_ends_nothing),
        mutant!("an intent that is open is told", "intent",
            "if state[1] == 'open' then return 'open:' .. state[2] end" => "",
            leader::an_intent_is_begun_once_and_found_by_the_next_leader),
    ]
}

/// Tells the mutant's story; what went wrong in it, or `None` if nobody noticed.
fn run_mutant(mutant: &Mutant) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let text = Mutex::new(String::new());
    let scripts = Scripts::edited(|name, whole| {
        if name != mutant.script {
            return whole;
        }
        let broken = whole.replace(mutant.from, mutant.to);
        assert_ne!(broken, whole, "no mutation: {}", mutant.guard);
        text.lock().unwrap().clone_from(&broken);
        broken
    });
    let bed = runtime.block_on(TestBed::with_scripts(scripts));
    let text = text.into_inner().unwrap();
    assert!(!text.is_empty(), "there is no script {}", mutant.script);
    let _hash: String = runtime.block_on(bed.redis_words(&["SCRIPT", "LOAD", &text]));
    let reported = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let deadline = Duration::from_secs(40);
            let ended = tokio::time::timeout(deadline, (mutant.story)(bed)).await;
            ended.expect("the story comes to its end");
        });
    }));
    let panic = reported.err()?;
    let printed = panic.downcast_ref::<String>().cloned();
    Some(
        printed
            .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_default(),
    )
}

#[test]
fn every_broken_guard_is_noticed() {
    let mutants: Vec<Mutant> = [claims(), times(), rules()].into_iter().flatten().collect();
    let next = Mutex::new(mutants.iter());
    let survivors = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(mutant) = next.lock().unwrap().next() else { return };
                    match run_mutant(mutant) {
                        // A script that breaks is noticed, but proves nothing.
                        Some(printed) if printed.contains("user_script") => {
                            survivors.lock().unwrap().push(format!("{}: {printed}", mutant.guard));
                        }
                        Some(_) => {}
                        None => survivors.lock().unwrap().push(mutant.guard.to_owned()),
                    }
                }
            });
        }
    });
    let survivors = survivors.into_inner().unwrap();
    assert!(survivors.is_empty(), "nobody noticed: {survivors:#?}");
    assert!(mutants.len() >= 40);
}
