#include "metadata-server/namespace/report_opens.h"

#include <algorithm>
#include <cerrno>

#include "common/status.h"
#include "metadata-server/namespace/opening.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata {

std::vector<InodeId> ReportOpens(Core& core, const proto::KeepAliveRequest& report) {
  const SessionId session(report.session_id());
  OpenFiles::Reported reported;
  for (const proto::OpenRecord& open : report.opens()) {
    reported.records.push_back({InodeId(open.inode_id()), ModeOf(open.for_writing()),
                                std::max<uint32_t>(open.count(), 1)});
  }
  reported.sequence = report.opens_sequence();
  reported.except.insert(report.opens_except().begin(), report.opens_except().end());
  core.opens.Report(session, reported);

  // What exists now stays: it is counted. What does not will never exist again.
  std::vector<InodeId> lost;
  for (const OpenFiles::Reported::Record& record : reported.records) {
    const InodeLocks::Guard guard = core.locks.Lock({record.inode});
    if (ErrnoOf(ReadInode(*core.store, record.inode).status()) != ESTALE) continue;
    core.opens.RemoveAll(session, record.inode);
    if (lost.empty() || lost.back() != record.inode) lost.push_back(record.inode);
  }
  return lost;
}

}  // namespace weft::metadata
