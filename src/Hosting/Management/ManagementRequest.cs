using System.Globalization;
using Softswitch.Hosting.Captures;

namespace Softswitch.Hosting.Management;

/// <summary>What a tool asks a running switch or its process for, over its control socket (docs/management.md).</summary>
/// <param name="Method">GET for what is read, POST and DELETE for what is changed.</param>
/// <param name="Path">With the query, if there is one.</param>
/// <param name="Body">Behind a POST.</param>
internal sealed record ManagementRequest(string Method, string Path, string Body = "")
{
    /// <summary>Bytes of a body at most.</summary>
    public const int LongestBody = 128 * 1024; // a packet of 64 KiB to be traced

    public const int MostBusiestFlows = 1000;
    public const int LongestWatchMilliseconds = 10_000;

    private const string Get = "GET";
    private const string Post = "POST";
    private const string Delete = "DELETE";

    /// <summary>A <see cref="Reports.SwitchReport"/>; of a process of several a <see cref="Reports.GroupReport"/>.</summary>
    public static ManagementRequest Report { get; } = new(Get, "/api/report");

    /// <summary>A <see cref="Reports.GroupReport"/>.</summary>
    public static ManagementRequest ListSwitches { get; } = new(Get, "/api/switches") { IsOfProcess = true };

    /// <summary>Lines for people.</summary>
    public static ManagementRequest ListPorts { get; } = new(Get, "/api/ports");

    /// <summary>Reads the configuration again; answered by a line for each change.</summary>
    public static ManagementRequest Reload { get; } = new(Post, "/api/reload") { IsOfProcess = true };

    /// <summary>Asks for the switch itself.</summary>
    /// <param name="version">Of the protocol by which it is handed over.</param>
    public static ManagementRequest TakeOver(int version) => new(Post, "/api/take-over", version.ToString(CultureInfo.InvariantCulture)) { IsOfProcess = true };

    /// <param name="options">A JSON object: names of options of <c>run</c> with a text or a list of texts. Answered when the switch forwards, by what it has open.</param>
    public static ManagementRequest AddSwitch(string options) => new(Post, "/api/switches", options) { IsOfProcess = true };

    /// <summary>Answered when interfaces are as they were found.</summary>
    public static ManagementRequest DeleteSwitch(string name) => new(Delete, $"/api/switches?name={Uri.EscapeDataString(name)}") { IsOfProcess = true };

    /// <param name="port">As for <c>run --port</c>.</param>
    public static ManagementRequest AddPort(string port) => new(Post, "/api/ports", port);

    /// <param name="port">Its number or name.</param>
    public static ManagementRequest DeletePort(string port) => new(Delete, $"/api/ports?port={Uri.EscapeDataString(port)}");

    /// <summary>The configuration in force, as the lines of a file; with defaults in comments, or as settings.</summary>
    public static ManagementRequest ShowConfiguration(bool all) => new(Get, all ? "/api/config?all=true" : "/api/config");

    /// <param name="card">Null for all cards.</param>
    public static ManagementRequest ShowCards(string? card) => new(Get, card == null ? "/api/cards" : $"/api/cards?card={Uri.EscapeDataString(card)}");

    /// <summary>After the interval, a <see cref="Reports.FlowActivityReport"/>.</summary>
    public static ManagementRequest BusiestFlows(int count, TimeSpan interval) =>
        new(Get, string.Create(CultureInfo.InvariantCulture, $"/api/flows/busiest?count={count}&milliseconds={(int)interval.TotalMilliseconds}"));

    /// <param name="request">A <see cref="Tracing.TraceRequest"/> as JSON; answered by a list of <see cref="Tracing.TraceReport"/>.</param>
    public static ManagementRequest Trace(string request) => new(Post, "/api/trace", request);

    /// <summary>Blocks of pcapng, until there are as many packets as are wanted, or <see cref="EndCapture"/>.</summary>
    /// <param name="name">That no other capture of the switch has.</param>
    public static ManagementRequest Capture(CaptureRequest wanted, string name) => new(Get, $"/api/capture?name={name}&{wanted.ToQuery()}");

    /// <summary>Has a capture write its end.</summary>
    public static ManagementRequest EndCapture(string name) => new(Get, $"/api/capture/stop?name={name}");

    /// <summary>Whether the process is asked, whatever switch the target is.</summary>
    public bool IsOfProcess { get; init; }

    /// <summary>The same of one switch of a process.</summary>
    /// <param name="name">Null for the one that the socket is of.</param>
    public ManagementRequest ForSwitch(string? name) => name == null || IsOfProcess ? this : this with { Path = $"/switch/{name}{Path}" };
}
