namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>Tells a card that is out of step: one on which a frame had no lookup result, so that from then on frames get the results of others (E9).</summary>
/// <remarks>
/// Each frame that passed the input arbiter has one lookup, which counts as a hit or a miss of the exact table. Whatever passed before the pipeline ran dry must be counted
/// after it: if it is not, it never will be. Frames that come meanwhile can hide that, but cannot make it up. So a card that works is never
/// blamed, and one that does not is found out in the first gap between frames that is longer than the pipeline.
/// </remarks>
internal sealed class StepWatch(IRegisterAccess registers)
{
    /// <summary>Gaps that are waited for in one look, if frames keep coming.</summary>
    private const int Tries = 128;

    private uint _first;

    /// <summary>The card was reset, or is new. A bitfile whose arbiter does not count says nothing about steps: its register stands still.</summary>
    public void Begin() => _first = registers.Read(CardRegisters.InputArbiter);

    public bool IsOutOfStep()
    {
        for (int i = 0; i < Tries; i++)
        {
            uint lookups = ReadLookups();
            uint passed = registers.Read(CardRegisters.InputArbiter);
            if ((int)(passed - lookups) <= 0 || passed == _first)
            {
                return false;
            }
            Pipeline.Drain(registers);
            if ((int)(passed - ReadLookups()) > 0)
            {
                return true;
            }
        }
        return false;
    }

    private uint ReadLookups() => registers.Read(CardRegisters.ExactHits) + registers.Read(CardRegisters.ExactMisses);
}
