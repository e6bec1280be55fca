//! One process for each file of data.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;

use crate::error::StackError;

/// The right to use a file of data. It ends with the process, however that ends.
pub(super) struct Lock {
    /// Locked until it is closed. It stays behind: deleting it could take it
    /// from under another process.
    _file: File,
}

impl Lock {
    /// Takes the lock of a file of data, in a file beside it that also names its
    /// holder.
    pub(super) fn take(data: &Path) -> Result<Self, StackError> {
        let mut name = data.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let failed = |error: std::io::Error| {
            StackError::Database(format!("cannot lock {}: {error}", path.display()))
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // It is only a hint, and may be being written just now.
                let _ = file.read_to_string(&mut holder);
                return Err(StackError::DataInUse {
                    file: data.display().to_string(),
                    holder: holder.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", process::id()))
            .map_err(failed)?;
        Ok(Self { _file: file })
    }
}
