//! Redis's own throughput: `redis-benchmark`, for commands like the queue's.

use std::collections::BTreeMap;

use anyhow::Context;
use tokio::process::Command;

/// Returns calls per second of Redis's own benchmark; empty if it is not installed, or another
/// party owns the server.
pub(crate) async fn redis_itself(port: Option<u16>) -> anyhow::Result<BTreeMap<String, f64>> {
    let Some(port) = port else { return Ok(BTreeMap::new()) };
    let mut figures = BTreeMap::new();
    let three = "return redis.call('HSET',KEYS[1],'a','1') + redis.call('LPUSH',KEYS[2],'1') \
                 + redis.call('INCR',KEYS[3])";
    let script: &[&str] = &["eval", three, "3", "h:__rand_int__", "l", "c"];
    for (name, depth, command) in [
        ("lpush", "1", &["lpush", "l", "x"][..]),
        ("lpush_pipelined_16", "16", &["lpush", "l", "x"][..]),
        ("hset", "1", &["hset", "h:__rand_int__", "f", "x"][..]),
        ("script_of_3_commands", "1", script),
        ("script_of_3_commands_pipelined_16", "16", script),
    ] {
        let mut benchmark = Command::new("redis-benchmark");
        benchmark.args(["-p", &port.to_string(), "--dbnum", "9", "-n", "100000", "-c", "50"]);
        benchmark.args(["-r", "100000", "-P", depth, "--csv"]).args(command);
        let Ok(output) = benchmark.output().await else { return Ok(figures) };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        figures.insert(name.to_owned(), rate(&text).context("redis-benchmark said nothing")?);
    }
    Ok(figures)
}

/// Returns the second column of the last line; the command in the first may hold commas.
fn rate(csv: &str) -> Option<f64> {
    let line = csv.lines().rfind(|line| line.starts_with('"'))?;
    let cells: Vec<&str> = line.split("\",\"").collect();
    let numbers = cells.iter().rev().take(7).collect::<Vec<_>>();
    numbers.last()?.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_whatever_the_command_holds() {
        let head = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n";
        let line = "\"eval return redis.call('HSET',KEYS[1],'a','1') 3 h l c\",\"90000.5\",\"0.5\",\"0.1\",\"0.5\",\"0.9\",\"1.0\",\"2.0\"\n";
        assert_eq!(rate(&format!("{head}{line}")), Some(90000.5));
        assert_eq!(rate(""), None);
    }
}
