// Each adds one subcommand (or a group of them) of the file of its name to the program.
#pragma once

#include "client/cli/command_tree.h"

namespace weft::cli {

void AddStatusCommand(CommandTree& tree);
void AddNodeCommands(CommandTree& tree);
void AddTargetCommands(CommandTree& tree);
void AddDfCommand(CommandTree& tree);
void AddMountCommand(CommandTree& tree);
void AddUnmountCommand(CommandTree& tree);
void AddInfoCommand(CommandTree& tree);
void AddLayoutCommands(CommandTree& tree);
void AddLocksCommand(CommandTree& tree);
void AddQuotaCommands(CommandTree& tree);
void AddBenchCommand(CommandTree& tree);
void AddCompletionCommands(CommandTree& tree);

// All of them, in the order of --help.
void AddAllCommands(CommandTree& tree);

}  // namespace weft::cli
