//! What must not compile: each file of tests/misuse/ says in its first line which error it gets.
//! All of them without the lines that end in `// wrong` compile.
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library that this test was linked with, or one that was built beside it.
fn library() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let newest = |path: &PathBuf| std::fs::metadata(path).and_then(|one| one.modified()).ok();
    std::fs::read_dir(program.parent().unwrap())
        .unwrap()
        .map(|one| one.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with("libshmbus-") && name.ends_with(".rlib")
        })
        .max_by_key(newest)
        .expect("libshmbus-*.rlib beside the test")
}

/// None when it compiles.
fn compile(source: &str, name: &str, library: &Path) -> Option<String> {
    let folder = std::env::temp_dir().join(format!("shmbus-misuse-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{name}.rs"));
    std::fs::write(&file, source).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let out = Command::new(rustc)
        .args(["--edition=2021", "--crate-type=bin", "--emit=metadata", "-Awarnings"])
        .arg(format!("--extern=shmbus={}", library.display()))
        .arg(format!("-Ldependency={}", library.parent().unwrap().display()))
        .arg("-o")
        .arg(folder.join(format!("{name}.rmeta")))
        .arg(&file)
        .output()
        .expect("rustc");
    std::fs::remove_dir_all(&folder).unwrap();
    (!out.status.success()).then(|| String::from_utf8_lossy(&out.stderr).into_owned())
}

/// As a module, so that all can be compiled at one time.
fn module(name: &str, text: &str) -> String {
    let right: Vec<_> = text.lines().filter(|line| !line.ends_with("// wrong")).collect();
    format!("mod {name} {{\n{}\n}}\n", right.join("\n"))
}

#[test]
fn misuse_does_not_compile() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/misuse");
    let (library, mut count, mut right) = (library(), 0, String::from("fn main() {}\n"));
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let wanted = text.lines().next().unwrap().strip_prefix("// error: ").unwrap();
        let printed = compile(&text, &name, &library).unwrap_or_else(|| panic!("{name} compiles"));
        assert!(printed.contains(wanted), "{name}: no {wanted} in\n{printed}");
        assert!(text.lines().any(|line| line.ends_with("// wrong")), "{name} has no wrong line");
        right += &module(&name, &text);
        count += 1;
    }
    assert!(count >= 15, "{count} files");
    let printed = compile(&right, "right", &library);
    assert!(printed.is_none(), "without what is wrong:\n{}", printed.unwrap());
}
