using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Controllers;

namespace Softswitch.OfAgent.Learning;

/// <summary>How a <see cref="LearningController"/> behaves.</summary>
internal sealed record LearningOptions : ControllerOptions
{
    public LearningOptions()
    {
        Listen = $"ptcp:{ConnectionTarget.DefaultPort}";
        MissSendLength = 128;
        MaxSwitches = 64;
    }

    /// <summary>Idle timeout of the flows it installs, in seconds; 0 for none.</summary>
    public ushort IdleTimeoutSeconds { get; init; } = 10;

    /// <summary>Hard timeout of the flows it installs, in seconds; 0 for none.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>Priority of the flows it installs. Of no effect on flows without wildcards (§3.4).</summary>
    public ushort Priority { get; init; } = 0x8000;

    /// <summary>Addresses remembered per switch; a power of two.</summary>
    public int MacTableCapacity { get; init; } = 4096;

    /// <summary>How long an address is remembered that is not seen.</summary>
    public TimeSpan MacLifetime { get; init; } = TimeSpan.FromMinutes(5);
}
