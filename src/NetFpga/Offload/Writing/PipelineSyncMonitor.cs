using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>Detects that a card is out of step: a frame got no lookup result, so that from then on each frame gets the result of another (E9).</summary>
/// <remarks>
/// Each frame that passed the input arbiter has one lookup, which counts as a hit or a miss of the exact table. Once the pipeline has run dry, the lookups of
/// all frames before must be counted; a lookup missing then is missing for ever. New frames can hide a missing lookup, but can never cause a false alarm.
/// <para>
/// Reading the arbiter's count clears it, so readings are summed up. A frame that ends in the very clock cycle of a
/// reading is missing from the sum, and hides a frame without a lookup. So the arbiter is read only in gaps between frames. If the sum is below the
/// number of lookups before the pipeline ran dry, it is raised to that number. So the sum may be too low at times but is never too high: a working
/// card never counts as out of step.
/// </para>
/// </remarks>
internal sealed class PipelineSyncMonitor(IRegisterAccess registers)
{
    /// <summary>Tries to find a gap between frames in one check, if frames keep coming.</summary>
    private const int Tries = 128;

    /// <summary>Frames that passed the arbiter, or a few less; counted from the same start as lookups, modulo 2^32.</summary>
    private uint _passed;

    /// <summary>Begins with a card in unknown state: frames that passed before are not known, so the first reading is thrown away.</summary>
    public void Begin()
    {
        uint lookups = ReadLookups();
        Pipeline.Drain(registers);
        registers.Read(CardRegisters.InputArbiter);
        _passed = lookups;
    }

    /// <summary>Begins after a reset of the card, when no code has read the arbiter since: both counts begin at 0.</summary>
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
    /// Lookups counted before the pipeline ran dry: the ends of these frames have passed by now. Later lookups do not count here, as a frame may be
    /// looked up before its end passes. A register that the bitfile does not have reads as more than 2^31: the sum is negative, and is raised.
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
