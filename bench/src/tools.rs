//! The other tools: from the path, else from Debian's packages, unpacked below
//! `target/` without becoming root.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::failed::Failed;

/// A program of another project.
pub(crate) struct Tool {
    program: PathBuf,
    /// Of unpacked packages.
    libraries: PathBuf,
}

const PACKAGES: [&str; 4] = [
    "prometheus-blackbox-exporter",
    "wrk",
    "libluajit-5.1-2",
    "libluajit-5.1-common",
];

impl Tool {
    /// Finds a program.
    pub(crate) async fn find(name: &str) -> Result<Self, Failed> {
        let folder = std::env::current_exe()?;
        let folder = folder
            .ancestors()
            .nth(2)
            .ok_or("no target folder")?
            .join("bench-tools");
        let unpacked = folder.join("usr/bin").join(name);
        let installed = Path::new("/usr/bin").join(name);
        let program = if installed.exists() {
            installed
        } else {
            if !unpacked.exists() {
                unpack(&folder).await?;
            }
            unpacked
        };
        // Debian keeps libraries in a folder that is named after the machine.
        let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
        let libraries = folder.join("usr/lib").join(machine);
        Ok(Self { program, libraries })
    }

    /// The program, ready for arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env("LD_LIBRARY_PATH", &self.libraries)
            .kill_on_drop(true);
        command
    }
}

async fn unpack(folder: &Path) -> Result<(), Failed> {
    std::fs::create_dir_all(folder)?;
    for package in PACKAGES {
        let mut download = Command::new("apt-get");
        download
            .args(["-q", "download", package])
            .current_dir(folder);
        let told = download.output().await?;
        if !told.status.success() {
            return Err(format!("apt-get cannot download {package}").into());
        }
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "deb") {
            let mut unpack = Command::new("dpkg");
            let done = unpack.arg("-x").arg(&path).arg(folder).status().await?;
            if !done.success() {
                return Err(format!("dpkg cannot unpack {}", path.display()).into());
            }
        }
    }
    Ok(())
}
