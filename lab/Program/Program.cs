using System.CommandLine;
using Softswitch.Bench.Commands;
using Softswitch.Commands;
using Softswitch.Lab.Demo;
using Softswitch.Lab.Manual;
using Softswitch.Scenarios.Commands;

Dictionary<string, Func<Command>> commands = new()
{
    ["demo"] = DemoCommand.Create,
    ["scenario"] = ScenarioCommand.Create,
    ["bench"] = BenchCommand.Create,
};
commands["manual"] = () => ManualCommand.Create(commands);
return CommandLine.Run(args, commands);
