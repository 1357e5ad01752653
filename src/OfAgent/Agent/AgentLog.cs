using Microsoft.Extensions.Logging;
using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Agent;

/// <summary>What the agent has to say of its connections.</summary>
internal static partial class AgentLog
{
    /// <summary>A peer of a listener may be a tool that connects for a moment, so its coming and going is logged at a lower level.</summary>
    [LoggerMessage(EventId = 100, Message = "{Connection}: connected")]
    public static partial void Connected(ILogger log, LogLevel level, ConnectionName connection);

    [LoggerMessage(102, LogLevel.Information, "{Connection}: is a controller or monitor (SET_CONFIG)")]
    public static partial void PeerConfigured(ILogger log, ConnectionName connection);

    /// <summary>Why a listener's peer is gone. A tool that looked in and left is no news.</summary>
    public static void Ended(ILogger log, ConnectionName connection, PeerTrust standing, string reason)
    {
        bool isNews = standing == PeerTrust.Configured || !reason.StartsWith("closed by the peer", StringComparison.Ordinal);
        if (isNews && standing == PeerTrust.Unknown)
        {
            StrangerEnded(log, connection, reason);
        }
        else
        {
            Ended(log, isNews ? LogLevel.Information : LogLevel.Debug, connection, reason);
        }
    }

    [LoggerMessage(EventId = 103, Message = "{Connection}: {Reason}")]
    private static partial void Ended(ILogger log, LogLevel level, ConnectionName connection, string reason);

    /// <summary>Of one that said no HELLO: an event of its own, so that a flood of them hides no controller's end.</summary>
    [LoggerMessage(109, LogLevel.Information, "{Connection}: {Reason}")]
    private static partial void StrangerEnded(ILogger log, ConnectionName connection, string reason);

    [LoggerMessage(104, LogLevel.Warning, "{Controller}: {Failure}; trying again")]
    public static partial void Lost(ILogger log, string controller, string failure);

    [LoggerMessage(105, LogLevel.Warning, "{Connection}: the peer reports {Error}; further errors of it are not shown")]
    public static partial void ErrorReported(ILogger log, ConnectionName connection, string error);

    [LoggerMessage(106, LogLevel.Warning, "{Refusal}")]
    public static partial void Refused(ILogger log, string refusal);

    [LoggerMessage(107, LogLevel.Warning, "{Change}")]
    public static partial void Emergency(ILogger log, string change);

    [LoggerMessage(108, LogLevel.Warning, "{Connection}: {Entry}")]
    public static partial void Widened(ILogger log, ConnectionName connection, string entry);

    [LoggerMessage(110, LogLevel.Warning, "{Listener}: listening {Warning}")]
    public static partial void OpenToAll(ILogger log, ConnectionTarget listener, string warning);
}
