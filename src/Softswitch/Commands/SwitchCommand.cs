using System.CommandLine;
using System.Text.Json;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Reports;

namespace Softswitch.Commands;

/// <summary><c>softswitch switch</c>: adds, removes and lists the switches of a running process.</summary>
internal static class SwitchCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60); // ports have to be opened

    // Files that the process is to find whatever folder it was started in.
    private static readonly string[] Files = ["state", "private-key", "certificate", "ca-cert", "bootstrap-ca-cert"];

    public static Command Create()
    {
        Argument<string?> target = TargetArgument.Alone();
        target.Description = "The process, by its own name or a switch's, or unix:PATH with the path of its control socket; may be left out while one runs.";
        Argument<string[]> which = TargetArgument.Before("NAME", "the switch's name");
        Option<bool> json = new("--json") { Description = "a list of objects, on one line" };
        Command add = new("add", "Add a switch to a running process; it forwards when this ends.") { target };
        Dictionary<string, Option<string[]>> options = [];
        foreach (SwitchOption option in SwitchOption.All.Where(option => option.Scope != OptionScope.Process))
        {
            add.Options.Add(options[option.Name] = RunCommand.CreateOption(option));
        }
        add.SetAction(parsed => Print(Ask(parsed.GetValue(target), ManagementRequest.AddSwitch(Write(options, parsed)))));
        Command delete = new("del", "Remove a switch; its interfaces are left as they were found.") { which };
        delete.SetAction(parsed => Print(Ask(TargetArgument.Split(parsed.GetRequiredValue(which), out string name), ManagementRequest.DeleteSwitch(name))));
        Command list = new("list", "List the switches of a running process.") { target, json };
        list.SetAction(parsed =>
        {
            string answer = ManagementClient.Ask(ControlSockets.Find(parsed.GetValue(target)), ManagementRequest.ListSwitches, Patience);
            IReadOnlyList<SwitchSummary> switches = ManagementClient.Parse("switch list", answer, ReportJson.Default.GroupReport).Switches;
            return Print(parsed.GetValue(json) ? [JsonSerializer.Serialize(switches, ReportJson.Default.IReadOnlyListSwitchSummary)] : Table(switches));
        });
        return new Command("switch", "Add, remove and list the switches of a running process.") { add, delete, list };
    }

    private static string Write(Dictionary<string, Option<string[]>> options, ParseResult parsed)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            foreach ((string name, Option<string[]> option) in options)
            {
                string[] values = RunCommand.ValuesOf(option, parsed);
                if (values.Length > 0)
                {
                    json.WriteStartArray(name);
                    Array.ForEach(values, value => json.WriteStringValue(Locate(name, value)));
                    json.WriteEndArray();
                }
            }
            json.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
    }

    private static IEnumerable<string> Table(IReadOnlyList<SwitchSummary> switches) => TextTable.Lines(
        [
            ["switch", "datapath id", "ports", "controllers", "flows", "state"],
            .. switches.Select(one => (string[])
            [
                one.Name, one.DatapathId, $"{one.PortsUp} of {one.Ports} up", $"{one.ControllersConnected} of {one.Controllers}", $"{one.Flows}",
                one.Reason == null ? one.State : $"{one.State}: {one.Reason}",
            ]),
        ],
        textColumns: 6);

    private static string Locate(string option, string value) =>
        option == "flows" && value == "-" ? throw new OptionException("--flows: the process has a standard input of its own; give a file")
        : Files.Contains(option) || (option == "flows" && !value.Contains("actions", StringComparison.Ordinal)) ? Path.GetFullPath(value) : value;

    private static string[] Ask(string? target, ManagementRequest request) => ManagementClient.AskLines(ControlSockets.Find(target), request, Patience);

    private static int Print(IEnumerable<string> lines)
    {
        foreach (string line in lines)
        {
            Console.Out.WriteLine(line);
        }
        return 0;
    }
}
