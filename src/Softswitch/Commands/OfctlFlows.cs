using System.CommandLine;
using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;
using static Softswitch.Commands.OfctlSession;

namespace Softswitch.Commands;

/// <summary>The sub-commands of <see cref="OfctlCommand"/> that change the flow table.</summary>
internal static class OfctlFlows
{
    // As ovs-ofctl ends.
    private const int NotCompared = 1;
    private const int Different = 2;

    private const int LinesBetweenEchoes = 4096;

    private static readonly Option<bool> StrictOption = new("--strict")
    {
        Description = "Only the flow of exactly this match and priority.",
    };

    public static void AddTo(Command parent)
    {
        Argument<string> flow = new("flow") { Description = "Match, properties and actions=..., in ovs-ofctl's words." };
        Argument<string> match = OptionalText("match", "Which flows; without it, all.");
        Argument<string> file = new("file") { Description = "A flow per line, # for comments; - for standard input." };
        Add(parent, new Command("add-flow", "Add a flow.") { flow }, (client, parsed) =>
            ChangeFlow(client, parsed.GetRequiredValue(flow), FlowSyntaxMode.Add));
        Add(parent, new Command("mod-flows", "Change the actions of flows; add one if there are none.") { flow, StrictOption }, (client, parsed) =>
            ChangeFlow(client, parsed.GetRequiredValue(flow), parsed.GetValue(StrictOption) ? FlowSyntaxMode.ModifyStrict : FlowSyntaxMode.Modify));
        Add(parent, new Command("del-flows", "Delete flows.") { match, StrictOption }, (client, parsed) =>
            ChangeFlow(client, parsed.GetValue(match) ?? "", parsed.GetValue(StrictOption) ? FlowSyntaxMode.DeleteStrict : FlowSyntaxMode.Delete));
        Add(parent, new Command("add-flows", "Add (modify, delete) the flows of a file.") { file }, (client, parsed) =>
            ReadFile(client, parsed.GetRequiredValue(file)) is { } lines ? SendFlows(client, parsed.GetRequiredValue(file), lines) : Failed);
        Argument<string> staticFile = new("file") { Description = "JSON as Floodlight's Static Flow Pusher takes it; - for standard input." };
        Add(parent, new Command("add-static-flows", "Add those flows of a Floodlight static-flow file that are for this switch.") { staticFile }, (client, parsed) =>
            ReadStaticFile(client, parsed.GetRequiredValue(staticFile)) is { } lines ? SendFlows(client, parsed.GetRequiredValue(staticFile), lines) : Failed);
        Add(parent, new Command("replace-flows", "Make the flow table hold the flows of a file and no others.") { file }, (client, parsed) =>
            ReadFile(client, parsed.GetRequiredValue(file)) is { } lines ? ReplaceFlows(client, parsed.GetRequiredValue(file), lines) : Failed);
        AddDifference(parent);
    }

    private static void AddDifference(Command parent)
    {
        Argument<string>[] sources = [new("source1") { Description = "A file of flows or a switch's target." }, new("source2") { Description = "The other one." }];
        Command command = new("diff-flows", "Show by - what only the first of two flow tables has, by + what only the second has; exit code 2 if they differ.");
        Array.ForEach(sources, command.Arguments.Add);
        command.SetAction(parsed =>
        {
            bool differ = false;
            int result = Guard(parsed, () =>
            {
                if (ReadSource(parsed, parsed.GetRequiredValue(sources[0])) is not { } first || ReadSource(parsed, parsed.GetRequiredValue(sources[1])) is not { } second)
                {
                    return Failed;
                }
                differ = PrintDifference(first, second);
                return Done;
            });
            return result != Done ? NotCompared : differ ? Different : Done;
        });
        parent.Subcommands.Add(command);
    }

    /// <summary>What stands in a flow table under each match and priority, as diff-flows shows it.</summary>
    /// <returns>Null if it cannot be read, which is then reported.</returns>
    private static Dictionary<(FlowMatch Match, ushort Priority), string>? ReadSource(ParseResult parsed, string source)
    {
        Dictionary<(FlowMatch, ushort), string> flows = [];
        if (!File.Exists(source) && (ConnectionTarget.TryParse(source, out _, out _) || ControlSockets.Running().Contains(source)))
        {
            bool isGood = WithClient(parsed, source, client =>
                client.TryReadFlows(new ParsedFlow().ToFilter(), (in FlowStatistics flow) =>
                    Note(flow.Match, flow.Priority, flow.Cookie, flow.IdleTimeoutSeconds, flow.HardTimeoutSeconds, flow.Actions))
                || ReportErrors(client, null) == Done);
            return isGood ? flows : null;
        }
        if (ReadFile(null, source) is not { } lines || !AreAdditions(source, lines))
        {
            return null;
        }
        foreach ((_, ParsedFlow flow) in lines)
        {
            Note(flow.Match, flow.Priority, flow.Cookie, flow.IdleTimeoutSeconds, flow.HardTimeoutSeconds, flow.Actions);
        }
        return flows;

        void Note(FlowMatch match, ushort priority, ulong cookie, ushort idleTimeout, ushort hardTimeout, ReadOnlySpan<FlowAction> actions)
        {
            StringBuilder text = new();
            FlowMatch canonical = FlowSyntax.Canonical(match);
            FlowText.AppendContent(text, canonical, priority, cookie, idleTimeout, hardTimeout, actions);
            flows[(canonical, priority)] = text.ToString();
        }
    }

    /// <returns>Whether there is one.</returns>
    private static bool PrintDifference(Dictionary<(FlowMatch Match, ushort Priority), string> first, Dictionary<(FlowMatch Match, ushort Priority), string> second)
    {
        StringBuilder text = new();
        foreach ((FlowMatch Match, ushort Priority) place in first.Keys.Union(second.Keys).OrderByDescending(place => place.Priority))
        {
            string? before = first.GetValueOrDefault(place);
            string? after = second.GetValueOrDefault(place);
            if (before != after)
            {
                text.Append(before == null ? "" : $"-{before}\n").Append(after == null ? "" : $"+{after}\n");
            }
        }
        Console.Out.Write(text);
        return text.Length > 0;
    }

    private static int ChangeFlow(OfClient client, string text, FlowSyntaxMode mode)
    {
        if (!TryParseFlow(client, text, mode, out ParsedFlow flow))
        {
            return Failed;
        }
        client.Send(flow.ToFlowMod());
        return Finish(client, _ => Describe(flow));
    }

    private static string Describe(ParsedFlow flow)
    {
        StringBuilder text = new();
        FlowText.AppendFlowMod(text, flow.ToFlowMod());
        return text.ToString();
    }

    /// <summary>Reads all lines before anything is sent: a mistake in the last line must not leave half a table.</summary>
    /// <param name="client">The switch that knows the names of ports. It hears of us while a long file is read, or it would close the connection. Null for no switch.</param>
    /// <returns>Null if there is a mistake, which is then reported.</returns>
    private static List<(int Line, ParsedFlow Flow)>? ReadFile(OfClient? client, string file)
    {
        PortNames? names = client == null ? null : NamesOf(client);
        List<(int, ParsedFlow)> flows = [];
        try
        {
            using TextReader reader = file == "-" ? Console.In : new StreamReader(file);
            int number = 0;
            while (reader.ReadLine() is { } line)
            {
                if (++number % LinesBetweenEchoes == 0)
                {
                    client?.TryEcho(default);
                }
                if (!FlowSyntax.TryParseLine(line, names, out ParsedFlow? flow, out string error))
                {
                    Fail($"{file}:{number}: {error}");
                    return null;
                }
                if (flow is not null)
                {
                    Warn(flow, $"{file}:{number}: ");
                    flows.Add((number, flow));
                }
            }
            return flows;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fail($"{file}: {e.Message}");
            return null;
        }
    }

    /// <returns>The active flows for the client's switch; null if there is a mistake in the file, or none, which is then reported.</returns>
    private static List<(int Line, ParsedFlow Flow)>? ReadStaticFile(OfClient client, string file)
    {
        byte[] text;
        try
        {
            using Stream stream = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
            using MemoryStream copy = new();
            stream.CopyTo(copy);
            text = copy.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fail($"{file}: {e.Message}");
            return null;
        }
        if (!StaticFlowSyntax.TryParse(text, NamesOf(client), out List<StaticFlow> flows, out int line, out string error))
        {
            Fail($"{file}:{line}: {error}");
            return null;
        }
        if (!client.TryReadFeatures(out SwitchFeatures features, out _))
        {
            ReportErrors(client, null);
            return null;
        }
        List<(int, ParsedFlow)> own = [];
        foreach (StaticFlow flow in flows.Where(flow => flow.Switch == features.DatapathId && flow.IsActive))
        {
            Warn(flow.Flow, $"{file}:{flow.Line}: ");
            own.Add((flow.Line, flow.Flow));
        }
        if (own.Count == 0)
        {
            Fail($"{file}: has no active flow for switch {features.DatapathId:x16}");
            return null;
        }
        return own;
    }

    private static int SendFlows(OfClient client, string file, List<(int Line, ParsedFlow Flow)> flows)
    {
        uint first = 0;
        for (int i = 0; i < flows.Count; i++)
        {
            uint xid = client.Send(flows[i].Flow.ToFlowMod());
            first = i == 0 ? xid : first;
        }
        return Finish(client, xid => xid - first is var index && index < flows.Count
            ? $"{file}:{flows[(int)index].Line}: {Describe(flows[(int)index].Flow)}"
            : null);
    }

    private static int ReplaceFlows(OfClient client, string file, List<(int Line, ParsedFlow Flow)> flows)
    {
        Dictionary<(FlowMatch Match, ushort Priority), (int Line, ParsedFlow Flow)> wanted = [];
        if (!AreAdditions(file, flows))
        {
            return Failed;
        }
        foreach ((int Line, ParsedFlow Flow) line in flows)
        {
            wanted[(line.Flow.Match, line.Flow.Priority)] = line;
        }
        List<(int, ParsedFlow)> changes = [];
        FlowFilter all = new ParsedFlow().ToFilter();
        bool isGood = client.TryReadFlows(all, (in FlowStatistics present) =>
        {
            FlowMatch match = FlowSyntax.Canonical(present.Match);
            if (!wanted.TryGetValue((match, present.Priority), out (int Line, ParsedFlow Flow) line))
            {
                changes.Add((0, new ParsedFlow { Command = FlowModCommand.DeleteStrict, Match = present.Match, Priority = present.Priority }));
            }
            else if (IsSame(present, line.Flow))
            {
                wanted.Remove((match, present.Priority));
            }
        });
        changes.AddRange(wanted.Values);
        return isGood ? SendFlows(client, file, changes) : ReportErrors(client, null);
    }

    /// <summary>Whether the lines say what a table holds; the first that says something else is reported.</summary>
    private static bool AreAdditions(string file, List<(int Line, ParsedFlow Flow)> lines)
    {
        int other = lines.FindIndex(line => line.Flow.Command != FlowModCommand.Add);
        return other < 0 || Fail($"{file}:{lines[other].Line}: only flows to add have a place here") == Done;
    }

    private static bool IsSame(in FlowStatistics present, ParsedFlow wanted) =>
        (present.Cookie, present.IdleTimeoutSeconds, present.HardTimeoutSeconds) == (wanted.Cookie, wanted.IdleTimeoutSeconds, wanted.HardTimeoutSeconds)
        && present.Actions.SequenceEqual(wanted.Actions);
}
