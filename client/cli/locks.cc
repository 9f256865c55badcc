// weft locks: who holds locks of files, and who waits for one.
#include <absl/strings/str_cat.h>

#include <memory>

#include "client/cli/admin_client.h"
#include "client/cli/commands.h"
#include "client/cli/mount_xattrs.h"
#include "client/fuse/virtual_xattrs.h"
#include "common/locks/lock_ranges.h"
#include "common/status.h"

namespace weft::cli {
namespace {

struct LocksOptions {
  AdminOptions admin;
  std::string path;
};

const char* KindName(const proto::FileLock& lock) {
  return lock.kind() == proto::LOCK_FLOCK ? "flock" : "fcntl";
}

const char* TypeName(const proto::FileLock& lock) {
  return lock.type() == proto::WRITE_LOCK ? "write" : "read";
}

// "0-99", "100-end".
std::string RangeText(const proto::FileLock& lock) {
  return absl::StrCat(
      lock.first_byte(), "-",
      lock.last_byte() >= kLastLockByte ? std::string("end") : std::to_string(lock.last_byte()));
}

Json LockJson(const proto::LockInfo& info) {
  const proto::FileLock& lock = info.lock();
  Json json = {{"inode", lock.inode_id()},
               {"path", info.path()},
               {"kind", KindName(lock)},
               {"type", TypeName(lock)},
               {"first_byte", lock.first_byte()},
               {"last_byte", lock.last_byte()},
               {"state", info.waiting() ? "waiting" : "held"},
               {"pid", lock.pid()},
               {"owner", absl::StrCat(absl::Hex(lock.owner()))},
               {"session", info.session_id()},
               {"host", info.host()},
               {"mount_point", info.mount_point()}};
  if (lock.last_byte() >= kLastLockByte) json["last_byte"] = nullptr;
  if (info.waiting()) json["waiting_ms"] = info.waiting_ms();
  return json;
}

void PrintLocks(const proto::ListLocksReply& locks, std::ostream& out) {
  Table table({"FILE", "KIND", "TYPE", "RANGE", "STATE", "PID", "HOST", "MOUNT"});
  for (const proto::LockInfo& info : locks.locks()) {
    const proto::FileLock& lock = info.lock();
    table.AddRow({info.path().empty() ? absl::StrCat("inode ", lock.inode_id()) : info.path(),
                  KindName(lock), TypeName(lock), RangeText(lock),
                  info.waiting() ? "waits " + HumanTime(info.waiting_ms()) : std::string("held"),
                  absl::StrCat(lock.pid()), info.host(), info.mount_point()});
  }
  table.Print(out);
  if (locks.truncated()) out << "There are more; name a file to see its locks.\n";
  if (locks.sessions_awaited() > 0) {
    out << "The server has restarted: " << Count(locks.sessions_awaited(), "mount")
        << " may hold more, and no new lock is given before they have said so.\n";
  }
}

absl::Status Show(const LocksOptions& options, std::ostream& out) {
  proto::ListLocksRequest request;
  if (!options.path.empty()) {
    WEFT_ASSIGN_OR_RETURN(const Json info, ReadMountXattr(options.path, fuse::kInfoXattr));
    request.set_inode_id(NumberIn(info, "inode"));
  }
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<AdminClient> client,
                        AdminClient::Connect(options.admin.server));
  WEFT_ASSIGN_OR_RETURN(const proto::ListLocksReply locks, client->ListLocks(request));
  if (!options.admin.json) {
    PrintLocks(locks, out);
    return absl::OkStatus();
  }
  Json rows = Json::array();
  for (const proto::LockInfo& info : locks.locks()) rows.push_back(LockJson(info));
  PrintJson({{"locks", std::move(rows)},
             {"truncated", locks.truncated()},
             {"mounts_awaited", locks.sessions_awaited()}},
            out);
  return absl::OkStatus();
}

}  // namespace

void AddLocksCommand(CommandTree& tree) {
  auto options = std::make_shared<LocksOptions>();
  config::Command& command =
      tree.Add(tree.program(), "locks", "List who holds locks of files, and who waits for one",
               "  weft locks\n"
               "  weft locks /mnt/weft/db.sqlite\n"
               "  weft locks --server meta1:7400 --json\n",
               [options](std::ostream& out) { return Show(*options, out); });
  command.AddText({.name = "PATH",
                   .value = "PATH",
                   .help = "Only of this file, on a mount of the cluster",
                   .positional = true},
                  &options->path);
  AddAdminOptions(command, &options->admin);
}

}  // namespace weft::cli
