namespace Softswitch.OfAgent.Agent;

/// <summary>What becomes of packets without a flow entry while no controller is connected.</summary>
public enum FailMode
{
    /// <summary>They are dropped: only what flow entries say is forwarded. The default, so that flows set by hand behave as written.</summary>
    Secure,

    /// <summary>They are forwarded as by a learning bridge.</summary>
    Standalone,
}
