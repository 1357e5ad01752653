using Microsoft.Extensions.Logging;

namespace Softswitch.Hosting.Logging;

/// <summary>What the host has to say.</summary>
internal static partial class HostLog
{
    [LoggerMessage(1, LogLevel.Information, "started: {Name}, datapath id {DatapathId}, softswitch {Version}, pid {Process}")]
    public static partial void Started(ILogger log, string name, string datapathId, string version, int process);

    [LoggerMessage(2, LogLevel.Information, "stopping: {Reason}")]
    public static partial void Stopping(ILogger log, string reason);

    [LoggerMessage(3, LogLevel.Information, "stopped after {Uptime}")]
    public static partial void Stopped(ILogger log, string uptime);

    [LoggerMessage(4, LogLevel.Critical, "{Failure}; the switch ends")]
    public static partial void Failed(ILogger log, string failure);

    [LoggerMessage(5, LogLevel.Information, "{News}")]
    public static partial void News(ILogger log, string news);

    [LoggerMessage(6, LogLevel.Warning, "{Trouble}")]
    public static partial void Warn(ILogger log, string trouble);

    [LoggerMessage(10, LogLevel.Information, "{Change}")]
    public static partial void Port(ILogger log, string change);

    [LoggerMessage(11, LogLevel.Warning, "{Trouble}")]
    public static partial void PortTrouble(ILogger log, string trouble);

    [LoggerMessage(13, LogLevel.Information, "port {Port}: {Name}: link {State}")]
    public static partial void Link(ILogger log, string port, string name, string state);

    [LoggerMessage(12, LogLevel.Warning, "card {Card}: {Trouble}")]
    public static partial void Card(ILogger log, string card, string trouble);

    [LoggerMessage(8, LogLevel.Error, "the switch cannot start, others of the process go on: {Reason}")]
    public static partial void CannotStart(ILogger log, string reason);

    [LoggerMessage(20, LogLevel.Information, "tools call this switch {Name}: another has its datapath id for a name")]
    public static partial void NameTaken(ILogger log, string name);

    [LoggerMessage(23, LogLevel.Information, "tools call this process {Name}: another is called that without a number")]
    public static partial void ProcessNameTaken(ILogger log, string name);

    [LoggerMessage(21, LogLevel.Warning, "no control socket, so tools do not find this switch (--control says where one can be): {Reason}")]
    public static partial void NoControlSocket(ILogger log, string reason);

    [LoggerMessage(22, LogLevel.Warning, "control socket: '{Request}' refused: {Reason}")]
    public static partial void CommandRefused(ILogger log, string request, string reason);
}
