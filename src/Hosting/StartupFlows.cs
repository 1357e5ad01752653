using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.State;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Text;

namespace Softswitch.Hosting;

/// <summary>The flows of <c>--flows</c>, put into a table that no packet has met yet.</summary>
/// <remarks>They go line by line from the file into the table, so that a million of them take no memory besides; a mistake ends the start, table and all.</remarks>
internal sealed class StartupFlows
{
    private const int MostErrors = 20;

    private readonly DatapathControl? _control;
    private readonly PortNames _names;
    private readonly Action<string> _warn;
    private readonly WidenedMatchNotice _widened = new();
    private readonly List<string> _errors = [];
    private int _errorCount;
    private int _count;

    private StartupFlows(DatapathControl? control, SwitchOptions options, Action<string> warn)
    {
        _control = control;
        _warn = warn;
        _names = new PortNames([.. options.Ports.Select(port => new PortDescription { Number = port.Number, Name = StateFolder.NameOf(port.Spec) })]);
    }

    /// <summary>Adds the flows of the options, replacing those that are identical.</summary>
    /// <param name="control">Not forwarding yet.</param>
    /// <param name="options">With the ports' numbers.</param>
    /// <param name="say">Takes a line of how many there are.</param>
    /// <param name="warn">Takes what was read but has no effect.</param>
    /// <exception cref="OptionException">A line for each mistake, up to 20; then the tables are to be thrown away.</exception>
    public static void Load(DatapathControl control, SwitchOptions options, Action<string> say, Action<string> warn)
    {
        StartupFlows flows = new(control, options, warn);
        using (control.Enter())
        {
            flows.ReadAll(options.Flows);
        }
        if (options.Flows.Count > 0)
        {
            say($"flows: {flows._count} added");
        }
    }

    /// <summary>Finds the mistakes that <see cref="Load"/> would find, but for those that only a table can tell, such as that it is full.</summary>
    /// <exception cref="OptionException">A line for each, up to 20.</exception>
    public static void Check(SwitchOptions options) => new StartupFlows(null, options, static _ => { }).ReadAll(options.Flows);

    private void ReadAll(IReadOnlyList<string> all)
    {
        foreach (string one in all)
        {
            if (IsFlow(one))
            {
                Take(one, $"--flows: '{one}'");
            }
            else
            {
                ReadFile(one);
            }
        }
        if (_errorCount > _errors.Count)
        {
            _errors.Add($"--flows: and {_errorCount - _errors.Count} more mistakes");
        }
        if (_errorCount > 0)
        {
            throw new OptionException(_errors);
        }
    }

    /// <summary>A flow says what becomes of packets; the name of a file that does, too, can be given with its folder.</summary>
    private static bool IsFlow(string text) => text.Contains("actions=", StringComparison.Ordinal) && !File.Exists(text);

    private void ReadFile(string file)
    {
        try
        {
            using Stream stream = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
            using StreamReader reader = new(stream);
            for (int number = 1; reader.ReadLine() is { } line; number++)
            {
                Take(line, null, file, number);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string reason = Directory.Exists(file) ? "is a folder" : e is FileNotFoundException or DirectoryNotFoundException ? "no such file" : e.Message;
            Refuse($"--flows: '{file}': {reason}");
        }
    }

    /// <param name="place">For messages; null for <paramref name="file"/> and <paramref name="line"/>.</param>
    private void Take(string text, string? place, string file = "", int line = 0)
    {
        if (!FlowSyntax.TryParseLine(text, _names, out ParsedFlow? flow, out string error))
        {
            Refuse($"{place ?? $"--flows: {file}:{line}"}: {error}");
            return;
        }
        if (flow == null)
        {
            return;
        }
        foreach (string warning in flow.Warnings)
        {
            _warn($"{place ?? $"--flows: {file}:{line}"}: {warning}");
        }
        _widened.Note(flow.Match);
        if (_widened.Take() is { } entry)
        {
            _warn($"{place ?? $"--flows: {file}:{line}"}: {entry}");
        }
        if (flow.BufferId != FlowMod.NoBuffer)
        {
            Refuse($"{place ?? $"--flows: {file}:{line}"}: buffer_id: no packet waits at the start");
        }
        else if ((_control?.Apply(flow.ToFlowMod()) ?? ActionValidator.Validate(flow.Actions, forPacketOut: false)) is var refusal and not ControlError.None)
        {
            Refuse($"{place ?? $"--flows: {file}:{line}"}: {WordOf(flow)}{ControlErrors.ToOfError(refusal).Name}");
        }
        else
        {
            _count++;
        }
    }

    /// <summary>The action that is to blame, if one is.</summary>
    private static string WordOf(ParsedFlow flow)
    {
        int index = Array.FindIndex(flow.Actions, action => ActionValidator.Validate([action], forPacketOut: false) != ControlError.None);
        if (index < 0)
        {
            return string.Empty;
        }
        StringBuilder text = new("actions: ");
        ActionText.Append(text, flow.Actions.AsSpan(index, 1));
        return text.Append(": ").ToString();
    }

    private void Refuse(string error)
    {
        if (++_errorCount <= MostErrors)
        {
            _errors.Add(error);
        }
    }
}
