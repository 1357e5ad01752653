using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>Frames that pass while registers are read. A reading takes one step of time, one that lets the pipeline run dry as many as a frame needs.</summary>
internal sealed class PassingFrames
{
    private const int Longest = 8;
    private static readonly double[] Loads = [0, 0.02, 0.05, 0.1, 0.2, 1];

    private readonly ModelCard _card;
    private readonly Random _random;
    private readonly List<long> _ends = [];
    private readonly List<long> _lookupTimes = [];
    private double _load;
    private long _now;
    private uint _lookups;
    private uint _passed;

    public PassingFrames(ModelCard card, int seed, uint lookups)
    {
        (_card, _random, _lookups) = (card, new Random(seed), lookups);
        card.Reading = Read;
    }

    public int Lost { get; private set; }

    public int Passed { get; private set; }

    /// <summary>Another load, for a while without a reading.</summary>
    public void ChangeLoad()
    {
        _load = Loads[_random.Next(Loads.Length)];
        Step(8 * Longest, isArbiterRead: false);
    }

    /// <summary>None comes any more, and all have passed.</summary>
    public void Rest()
    {
        _load = 0;
        Step(Longest, isArbiterRead: false);
    }

    /// <summary>One whose header length lies.</summary>
    public void PassWithoutLookup() => _passed++;

    private void Read(uint address)
    {
        Step(address == CardRegisters.Timer ? Longest : 1, address == CardRegisters.InputArbiter);
        switch (address)
        {
            case CardRegisters.ExactMisses:
                _card.Write(address, _lookups);
                break;
            case CardRegisters.InputArbiter:
                _card.Write(address, _passed);
                _passed = 0;
                break;
        }
    }

    private void Step(int count, bool isArbiterRead)
    {
        for (; count > 0; count--)
        {
            if (_random.NextDouble() < _load)
            {
                _ends.Add(_now + _random.Next(Longest));
                _lookupTimes.Add(_now + _random.Next(Longest));
            }
            int ended = _ends.RemoveAll(time => time == _now);
            int lost = isArbiterRead ? ended : 0;
            _passed += (uint)(ended - lost);
            Passed += ended;
            Lost += lost;
            _lookups += (uint)_lookupTimes.RemoveAll(time => time == _now);
            _now++;
        }
    }
}
