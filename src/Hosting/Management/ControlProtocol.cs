namespace Softswitch.Hosting.Management;

/// <summary>What goes over the control socket (<c>--control</c>): lines of UTF-8, ended by a line feed.</summary>
/// <remarks>
/// <code>
/// client  port add 3=eth3,rate=100M
/// switch  |port 3: eth3: AF_PACKET ...
/// switch  |port 3: sends at 100Mbit/s at most
/// switch  ok
/// </code>
/// A request is one line; its answer is any number of lines behind a bar, then <see cref="Ok"/> or, if they say why it cannot be done, <see cref="Error"/>.
/// Where a process has several switches, <c>@NAME </c> in front of a request says which is meant. What begins with <c>switch </c> is the process's, and so are
/// <see cref="Reload"/> and <see cref="ShowConfiguration"/> without a switch.
/// Requests of a connection are answered in order. Behind the <see cref="Ok"/> of a capture come blocks of pcapng, until the client shuts down its half of the
/// connection; then the last of them, and the end.
/// </remarks>
internal static class ControlProtocol
{
    public const string Ok = "ok";
    public const string Error = "error";
    public const char TextMark = '|';

    /// <summary>In front of the name of the switch that is meant.</summary>
    public const char SwitchMark = '@';

    /// <summary>
    /// With a JSON object behind it, names of options of <c>run</c> with a text or a list of texts: <c>switch add {"name": "s9", "port": ["1=eth1", "2=eth2"]}</c>.
    /// Answered when the switch forwards, by what it has open.
    /// </summary>
    public const string AddSwitch = "switch add ";

    /// <summary>With a name. Answered when interfaces are as they were found.</summary>
    public const string DeleteSwitch = "switch del ";

    /// <summary>A list of <see cref="Reports.SwitchSummary"/> as JSON, on one line.</summary>
    public const string ListSwitches = "switch list";

    /// <summary>A request to one switch of a process.</summary>
    /// <param name="name">Null for the one that the socket is of.</param>
    public static string ForSwitch(string? name, string request) => name == null ? request : $"{SwitchMark}{name} {request}";

    /// <summary>Bytes of a request, its line feed included.</summary>
    public const int LongestRequest = 128 * 1024; // a packet of 64 KiB to be traced

    public const string AddPort = "port add ";
    public const string DeletePort = "port del ";
    public const string ListPorts = "port list";

    /// <summary>Reads the configuration again; answered by a line for each change.</summary>
    public const string Reload = "reload";

    /// <summary>The configuration in force, as the lines of a file; with defaults in comments, or as settings.</summary>
    public const string ShowConfiguration = "config";
    public const string ShowWholeConfiguration = "config all";

    /// <summary>A <see cref="Reports.SwitchReport"/> as JSON, on one line; of a process of several a <see cref="Reports.GroupReport"/>.</summary>
    public const string Report = "report";

    /// <summary>Followed by a <see cref="Tracing.TraceRequest"/> as JSON; answered by a list of <see cref="Tracing.TraceReport"/>, on one line.</summary>
    public const string Trace = "trace ";

    /// <summary>With a number of entries and of milliseconds: a <see cref="Reports.FlowActivityReport"/> as JSON, after that time.</summary>
    public const string BusiestFlows = "flows/busiest ";
    public const int MostBusiestFlows = 1000;
    public const int LongestWatchMilliseconds = 10_000;

    /// <summary>All cards, or with a blank and a name that one.</summary>
    public const string ShowCards = "netfpga/show";
}
