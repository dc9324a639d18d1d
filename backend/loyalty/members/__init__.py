"""Members as people: profile, merging, blocking, erasing, and all that is known of one."""
