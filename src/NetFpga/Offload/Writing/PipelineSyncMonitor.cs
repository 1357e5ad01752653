using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>Tells a card that is out of step: one on which a frame had no lookup result, so that from then on frames get the results of others (E9).</summary>
/// <remarks>
/// Each frame that passed the input arbiter has one lookup, which counts as a hit or a miss of the exact table. Whatever passed before the pipeline ran dry must be counted
/// after it: if it is not, it never will be. Frames that come meanwhile can hide that, but cannot make it up.
/// <para>
/// Reading the arbiter's count clears it, so readings are summed up. A frame whose end passes in the clock of a reading is missing from
/// the sum, and hides one without a lookup. So the arbiter is read only in gaps between frames, and a sum below what must have passed is
/// raised to it: every frame that was looked up before the pipeline ran dry. The sum is low at times, and never too high: a card that
/// works is never blamed.
/// </para>
/// </remarks>
internal sealed class PipelineSyncMonitor(IRegisterAccess registers)
{
    /// <summary>Gaps that are waited for in one look, if frames keep coming.</summary>
    private const int Tries = 128;

    /// <summary>Frames that passed, or a few less: counted as lookups are, from the same start, modulo 2^32.</summary>
    private uint _passed;

    /// <summary>The card is new here: what passed before is not known, so the first reading is thrown away.</summary>
    public void Begin()
    {
        uint lookups = ReadLookups();
        Pipeline.Drain(registers);
        registers.Read(CardRegisters.InputArbiter);
        _passed = lookups;
    }

    /// <summary>The card was reset, and nobody has read it since: both began to count at 0.</summary>
    public void BeginAfterReset() => _passed = 0;

    public bool IsOutOfStep()
    {
        for (int i = 0; i < Tries; i++)
        {
            uint before = ReadLookups();
            Pipeline.Drain(registers);
            if (ReadLookups() != before)
            {
                continue;
            }
            ReadPassed(before);
            Pipeline.Drain(registers);
            uint after = ReadLookups();
            if ((int)(_passed - after) > 0)
            {
                return true;
            }
            if (after == before)
            {
                return false;
            }
        }
        return false;
    }

    /// <param name="lookups">
    /// Counted before the pipeline ran dry: the ends of these frames have passed by now. Later ones say nothing, as a frame may be looked
    /// up before its end passes. A register that the bitfile does not have reads as more than 2^31: the sum is negative, and is raised.
    /// </param>
    private void ReadPassed(uint lookups)
    {
        _passed += registers.Read(CardRegisters.InputArbiter);
        if ((int)(_passed - lookups) < 0)
        {
            _passed = lookups;
        }
    }

    private uint ReadLookups() => registers.Read(CardRegisters.ExactHits) + registers.Read(CardRegisters.ExactMisses);
}
