using Microsoft.Extensions.Logging;
using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Agent;

/// <summary>What the agent has to say of its connections.</summary>
internal static partial class AgentLog
{
    /// <summary>Whoever comes through a listener may be a tool that looks in and leaves: no news.</summary>
    [LoggerMessage(EventId = 100, Message = "{Connection}: connected")]
    public static partial void Connected(ILogger log, LogLevel level, string connection);

    [LoggerMessage(102, LogLevel.Information, "{Connection}: is a controller or monitor (SET_CONFIG)")]
    public static partial void PeerConfigured(ILogger log, string connection);

    [LoggerMessage(EventId = 103, Message = "{Connection}: {Reason}")]
    public static partial void Ended(ILogger log, LogLevel level, string connection, string reason);

    [LoggerMessage(104, LogLevel.Warning, "{Controller}: {Failure}; trying again")]
    public static partial void Lost(ILogger log, string controller, string failure);

    [LoggerMessage(105, LogLevel.Warning, "{Connection}: the peer reports {Error}; further errors of it are not shown")]
    public static partial void ErrorReported(ILogger log, string connection, string error);

    [LoggerMessage(106, LogLevel.Warning, "{Refusal}")]
    public static partial void Refused(ILogger log, string refusal);

    [LoggerMessage(107, LogLevel.Warning, "{Change}")]
    public static partial void Emergency(ILogger log, string change);

    [LoggerMessage(110, LogLevel.Warning, "{Listener}: listening {Warning}")]
    public static partial void OpenToAll(ILogger log, ConnectionTarget listener, string warning);
}
