using Softswitch.Bench.Attacks;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Bench.Tests.Attacks;

public sealed class AttackSpecTests
{
    [Fact]
    public void An_attack_is_its_text_and_comes_back_from_it_whatever_a_search_changes()
    {
        Random random = new(1);
        foreach (AttackSpec kind in AttackSpec.Kinds)
        {
            Assert.Equal(kind.Kind, $"{kind}");
            AttackSpec spec = kind;
            for (int change = 0; change < 200; change++)
            {
                spec = AttackParameter.All[random.Next(AttackParameter.All.Count)].Change(spec, random);
                Assert.Equal(spec, AttackSpec.Parse($"{spec}"));
            }
        }
    }

    [Fact]
    public void Known_attacks_differ()
    {
        Assert.Equal(AttackSpec.Known.Count, AttackSpec.Known.Select(spec => $"{spec}").Distinct().Count());
        Assert.All(AttackSpec.Known, spec => Assert.Equal(spec, AttackSpec.Parse($"{spec}")));
    }

    [Fact]
    public void Settings_change_a_kind()
    {
        AttackSpec spec = AttackSpec.Parse("subsets:src=8..24,dst=32,values=7,fields=tp_dst+in_port,share=0.25,wrongin=prefix");
        Assert.Equal((new PrefixLengths(8, 24), new PrefixLengths(32, 32)), (spec.Source, spec.Destination));
        Assert.Equal((7, 0.25, AttackedPart.Prefix), (spec.Values, spec.Share, spec.WrongIn));
        Assert.Equal("subsets:fields=in_port+tp_dst,share=0.25,src=8..24,dst=32,values=7,wrongin=prefix", $"{spec}");
    }

    [Theory]
    [InlineData("subset", "'subset' is none of tuples")]
    [InlineData("subsets:", "'' is none of fields")]
    [InlineData("subsets:value=3", "'value' is none of fields")]
    [InlineData("subsets:values", "values takes 1 to")]
    [InlineData("subsets:values=0", "values=0: values takes 1 to")]
    [InlineData("subsets:share=1.5", "share takes 0 to 1")]
    [InlineData("subsets:src=9..8", "src takes a prefix length")]
    [InlineData("subsets:src=33", "src takes a prefix length")]
    [InlineData("subsets:fields=tp_dst+tp", "fields takes none, or some of in_port")]
    [InlineData("subsets:order=1", "order takes made, narrow, wide")]
    public void A_mistake_is_named_with_what_is_allowed(string text, string reason) =>
        Assert.Contains(reason, Assert.Throws<OptionException>(() => AttackSpec.Parse(text)).Message, StringComparison.Ordinal);
}
