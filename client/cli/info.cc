// weft info: what a file is and where its chunks lie.
#include <absl/strings/str_cat.h>

#include <memory>

#include "client/cli/commands.h"
#include "client/cli/file_info.h"
#include "client/cli/mount_xattrs.h"
#include "client/fuse/virtual_xattrs.h"
#include "common/status.h"

namespace weft::cli {
namespace {

constexpr uint32_t kChunksInJson = 1024;  // where their number is not given

struct InfoOptions {
  std::string path;
  uint32_t chunks = 0;
  bool json = false;
};

Json ChunkJson(const ChunkRow& row) {
  return {{"chunk", row.chunk},
          {"node", row.node},
          {"target", row.target},
          {"group", row.group},
          {"exists", row.exists},
          {"version", row.version},
          {"length_bytes", row.length_bytes},
          {"used_bytes", row.used_bytes}};
}

void AddToJson(const ChunkSummary& summary, Json* info) {
  (*info)["chunks_examined"] = summary.examined;
  (*info)["holes"] = summary.holes;
  Json& nodes = (*info)["nodes"] = Json::array();
  for (const auto& [name, share] : summary.nodes) {
    nodes.push_back({{"name", name}, {"chunks", share.chunks}, {"used_bytes", share.used_bytes}});
  }
  Json& chunks = (*info)["chunks"] = Json::array();
  for (const ChunkRow& row : summary.rows) chunks.push_back(ChunkJson(row));
}

void PrintContent(const Json& content, const ChunkSummary& summary, std::ostream& out) {
  if (content.value("inline", false)) {
    out << "content  inline, in the metadata-server\n";
    return;
  }
  const uint64_t chunks = NumberIn(content, "chunks");
  out << "content  " << Count(chunks, "chunk") << " of "
      << HumanBytes(NumberIn(content, "chunk_bytes")) << ", pool " << NumberIn(content, "pool")
      << ", width " << NumberIn(content, "width") << ", content id "
      << NumberIn(content, "content_id") << "\n";
  if (summary.examined < chunks) {
    out << "         only the first " << summary.examined << " are counted here\n";
  }
  for (const auto& [name, share] : summary.nodes) {
    out << "  node " << name << ": " << Count(share.chunks, "chunk") << ", "
        << HumanBytes(share.used_bytes) << "\n";
  }
  if (summary.holes > 0) out << "  holes: " << Count(summary.holes, "chunk") << "\n";
}

void PrintRows(const ChunkSummary& summary, std::ostream& out) {
  Table table({"CHUNK", "NODE", "TARGET", "GROUP", "LENGTH", "USED", "VERSION"});
  for (const ChunkRow& row : summary.rows) {
    table.AddRow({absl::StrCat(row.chunk), row.node, absl::StrCat(row.target),
                  absl::StrCat(row.group),
                  row.exists ? HumanBytes(row.length_bytes) : std::string("hole"),
                  HumanBytes(row.used_bytes), absl::StrCat(row.version)});
  }
  table.Print(out);
}

void PrintInfo(const InfoOptions& options, const Json& info, const ChunkSummary& summary,
               std::ostream& out) {
  out << options.path << "\n"
      << "type     " << TextIn(info, "type") << ", inode " << NumberIn(info, "inode") << "\n"
      << "path     " << TextIn(info, "path") << " in the file system\n"
      << "size     " << NumberIn(info, "size_bytes") << " bytes ("
      << HumanBytes(NumberIn(info, "size_bytes")) << "), "
      << HumanBytes(NumberIn(info, "used_bytes")) << " used\n";
  if (info.contains("content")) PrintContent(info["content"], summary, out);
  if (!summary.rows.empty()) PrintRows(summary, out);
}

absl::Status Show(const InfoOptions& options, std::ostream& out) {
  const XattrReader read = [&](const std::string& name) {
    return ReadMountXattr(options.path, name);
  };
  WEFT_ASSIGN_OR_RETURN(Json info, read(fuse::kInfoXattr));
  const uint64_t chunks = info.contains("content") ? NumberIn(info["content"], "chunks") : 0;
  const uint32_t rows = options.chunks == 0 && options.json ? kChunksInJson : options.chunks;
  WEFT_ASSIGN_OR_RETURN(const ChunkSummary summary, SummarizeChunks(read, chunks, rows));
  if (options.json) {
    AddToJson(summary, &info);
    PrintJson(info, out);
  } else {
    PrintInfo(options, info, summary, out);
  }
  return absl::OkStatus();
}

}  // namespace

void AddInfoCommand(CommandTree& tree) {
  auto options = std::make_shared<InfoOptions>();
  config::Command& command =
      tree.Add(tree.program(), "info", "Show what a file is and on which nodes its chunks lie",
               "  weft info /mnt/weft/model.bin\n"
               "  weft info /mnt/weft/model.bin --chunks 20\n"
               "  weft info /mnt/weft/model.bin --json\n",
               [options](std::ostream& out) { return Show(*options, out); });
  command.AddText({.name = "FILE",
                   .value = "FILE",
                   .help = "A path on a mount",
                   .required = true,
                   .positional = true},
                  &options->path);
  command.AddNumber(
      {.name = "chunks", .help = "List the first N chunks, too; JSON lists 1024 by default"},
      {.min = 0, .max = kMaxChunksExamined}, &options->chunks);
  AddJsonFlag(command, &options->json);
}

}  // namespace weft::cli
