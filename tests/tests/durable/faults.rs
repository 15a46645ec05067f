//! Disks that are full, read-only or gone, and folders that are in use.
