"""What keeps untrusted code from the machine: namespaces, Landlock, seccomp, user ids, limits."""
