package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// usualWrites is how many writes a second the general-purpose volume of a cloud does where nobody pays for more: 3,000 for a gp3 volume of AWS.
const usualWrites = 3000

// blockGroups is where the kernel's block controller is, in version 1 of control groups. Version 2 is not tried, as it could not be seen to work.
const blockGroups = "/sys/fs/cgroup/blkio"

// slowDisk lets this process, and those that it starts, do only so many writes a second on the disk that holds dir, until restore is called. It
// needs root.
func slowDisk(dir string, writes int) (restore func() error, err error) {
	disk, err := diskOf(dir)
	if err != nil {
		return nil, err
	}
	process := fmt.Sprint(os.Getpid())
	group := filepath.Join(blockGroups, "audittrail-bench-"+process)
	if err := os.Mkdir(group, 0o700); err != nil {
		return nil, err
	}
	restore = func() error {
		return errors.Join(setting(filepath.Join(blockGroups, "cgroup.procs"), process), syscall.Rmdir(group))
	}
	if err := errors.Join(setting(filepath.Join(group, "blkio.throttle.write_iops_device"), fmt.Sprintf("%s %d", disk, writes)),
		setting(filepath.Join(group, "cgroup.procs"), process)); err != nil {
		return nil, errors.Join(err, restore())
	}
	return restore, nil
}

// diskOf returns the number of the whole disk that holds dir, as major:minor.
func diskOf(dir string) (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	var place, number string
	for line := range strings.Lines(string(mounts)) {
		// 35 31 254:0 / /data rw,relatime - ext4 /dev/vda rw
		f := strings.Fields(line)
		if within, err := filepath.Rel(f[4], dir); err == nil && filepath.IsLocal(within) && len(f[4]) >= len(place) {
			number, place = f[2], f[4]
		}
	}
	disk, err := filepath.EvalSymlinks(filepath.Join("/sys/dev/block", number))
	if err != nil {
		return "", fmt.Errorf("%s is on no disk: %w", dir, err)
	}
	if _, err := os.Stat(filepath.Join(disk, "partition")); err == nil {
		disk = filepath.Dir(disk)
	}
	whole, err := os.ReadFile(filepath.Join(disk, "dev"))
	return strings.TrimSpace(string(whole)), err
}

// setting hands the kernel one of its settings.
func setting(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// syncTime is how long an fsync takes on average on the disk that holds dir, behind a write of as many pages as a commit of one event has.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "sync-*")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	defer func() { _ = f.Close() }()
	const times, pages = 500, 9
	began := time.Now()
	for range times {
		if _, err := f.Write(make([]byte, pages*4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return time.Since(began) / times, nil
}
