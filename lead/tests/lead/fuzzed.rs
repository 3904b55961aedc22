//! Files and comments of repositories as nobody wrote them: seeded mutations of real ones.

use greenline_fuzzing::mutate_and_read;
use greenline_lead::commands::{MOST_COMMANDS, parse_commands};
use greenline_lead::repo_settings::RepoSettings;
use greenline_lead::repo_settings::detect_commands::ProjectFiles;

#[test]
fn no_settings_of_a_repository_make_their_reader_panic() {
    let example = include_str!("../../../docs/greenline.toml.example");
    mutate_and_read("greenline-toml", &[example.into()], 12_000, |text| {
        if let Err(problems) = RepoSettings::parse(&String::from_utf8_lossy(text)) {
            let said = problems.to_string();
            assert!(!said.is_empty() && !said.contains('\u{1b}'), "{said:?}");
        }
    });
}

#[test]
fn no_workflow_makes_its_reader_panic() {
    const WORKFLOW: &str = "name: ci\non: [push, pull_request]\nenv:\n  A: &a b\njobs:\n  test:\n    \
        runs-on: ubuntu-24.04\n    strategy:\n      matrix: {v: [1, 2]}\n    steps:\n      - uses: \
        actions/checkout@v4\n      - name: Test\n        run: |\n          make\n          make test\n        \
        working-directory: sub\n      - run: >-\n          cargo test\n        shell: bash\n        env: {B: *a}\n";
    mutate_and_read("workflows", &[WORKFLOW.into()], 20_000, |text| {
        let mut files = ProjectFiles::default();
        files.add_workflow(".github/workflows/ci.yml", &String::from_utf8_lossy(text));
    });
}

#[test]
fn no_comment_makes_its_reader_panic() {
    let samples = [
        "@greenline fix\n",
        "> @greenline approve\n\n```\n@greenline stop\n```\n\n@greenline approve a1b2c3d4\n",
        "<details><summary>x</summary>\n\n@greenline fix\n\n</details>\n\n| a | b |\n|---|---|\n| @greenline fix | x |\n",
        "- [ ] @greenline explain\n  1. x\n\n[^1]: @greenline fix\n\n<!-- @greenline stop -->\n\\@greenline fix &#64;greenline fix\n",
    ];
    let samples: Vec<Vec<u8>> = samples.map(|sample| sample.as_bytes().to_vec()).into();
    mutate_and_read("comments", &samples, 20_000, |text| {
        assert!(parse_commands(&String::from_utf8_lossy(text)).len() <= MOST_COMMANDS);
    });
}
