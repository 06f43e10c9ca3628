#include "plugins/inputs/tail/stats.h"

namespace tailrace::inputs::tail {

Stats::Stats(Metrics& m)
    : lines(m.counter("tail_lines_total", "Lines read from files.")),
      bytes(m.counter("tail_read_bytes_total", "Bytes read from files and done with.")),
      truncated_lines(m.counter("tail_truncated_lines_total",
                                "Lines that were cut because they are over max_line_size.")),
      malformed_lines(m.counter("tail_malformed_lines_total",
                                "Lines that are not of their file's format and were passed as "
                                "they are.")),
      invalid_utf8_lines(m.counter("tail_invalid_utf8_lines_total",
                                   "Lines in which bytes that are not UTF-8 were replaced.")),
      partial_flushes(m.counter("tail_partial_flushes_total",
                                "Lines that were sent although their end was never written.")),
      rotations(m.counter("tail_rotations_total", "Files that were renamed or deleted.")),
      truncations(m.counter("tail_file_shrinks_total",
                            "Files that became shorter or were written anew in place.")),
      lost_rotations(m.counter("tail_lost_rotations_total",
                               "Files that were gone before they were read to their end.")),
      deleted_given_up(m.counter("tail_deleted_given_up_total",
                                 "Deleted files that were given up because of max_deleted_held.")),
      unreadable(m.counter("tail_unreadable_total", "Failures to open or read a file.")),
      stuck(m.counter("tail_stuck_total",
                      "Files that had grown without an event, and were opened again.")),
      cold_reads(m.counter("tail_cold_reads_total",
                           "Reads that had to wait for the disk, on a worker thread.")),
      event_overflows(
          m.counter("tail_event_overflows_total", "Times that the kernel dropped file events.")),
      rescans(m.counter("tail_rescans_total", "Times that all patterns were looked up anew.")),
      memory_waits(m.counter("tail_memory_waits_total",
                             "Times that a file waited for memory to carry an unfinished line.")),
      files_open(m.gauge("tail_files_open", "Files that are open.")),
      files_reading(m.gauge("tail_files_reading", "Files that have data to read.")),
      files_rotated(m.gauge("tail_files_rotated", "Rotated or deleted files that are open.")),
      files_unreadable(m.gauge("tail_files_unreadable", "Files that cannot be read.")),
      lag_bytes(m.gauge("tail_lag_bytes", "Bytes of all files that are not read yet.")),
      lag_seconds(m.gauge("tail_lag_seconds",
                          "How far reading is behind the end of the file that is furthest behind; "
                          "lanes are added up.")),
      carried_bytes(m.gauge("tail_carried_bytes", "Memory that unfinished lines take.")),
      deleted_held_bytes(
          m.gauge("tail_deleted_held_bytes", "Disk space of deleted files that are still open.")),
      unwatched_directories(m.gauge("tail_unwatched_directories",
                                    "Directories without events, because a limit of the kernel is "
                                    "reached (fs.inotify.max_user_watches).")) {}

}  // namespace tailrace::inputs::tail
